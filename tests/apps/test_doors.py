"""What enters and leaves the commands: names of any bytes, consoles of any encoding, errors of the system, signals."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch

import processes
from myna.apps.actions.convert import plan_conversions
from myna.apps.cli import main
from myna.audio import io
from myna.config import Config
from myna.errors import AudioError, ConfigError, MynaError, explain
from myna.storage.path_list import read_list
from myna.text import printable

RATE = 22050
SHIFT_JIS = os.fsdecode(b"\x83\x4f")  # a name that is not UTF-8
SECONDS = 1.0
posix = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="its file system has no such names")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def record(*paths: str | Path) -> None:
    t = np.arange(round(SECONDS * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 12)) * 0.1
    soundfile.write("tone.wav", tone, RATE)
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile("tone.wav", path)
    Path("tone.wav").unlink()


def svc(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "myna", *arguments]
    return processes.run(command, text=False, env=os.environ | environment)


def lines(printed: bytes) -> list[str]:
    """Lines of standard error without the progress bars."""
    return [line for line in printed.decode().splitlines() if "%|" not in line]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, list[str]]:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    said = capsys.readouterr()
    return int(left.value.code or 0), said.out, lines(said.err.encode())


# Names


def test_text_that_a_console_cannot_show_is_spelled() -> None:
    assert printable("노래 café.wav") == "노래 café.wav"
    assert printable("a\nb\x1b[31m\u2028\u202e") == r"a\nb\x1b[31m\u2028\u202e"
    assert printable(SHIFT_JIS) == r"\udc83O" == json.dumps(SHIFT_JIS)[1:-1]
    assert str(AudioError("there is no file a\nb.wav")) == r"there is no file a\nb.wav"


@posix
def test_names_that_are_not_utf_8_reach_every_file_of_a_voice(capsys: pytest.CaptureFixture[str]) -> None:
    names = (f"{SHIFT_JIS}.wav", "line\nbreak.wav", "next\x85\u2028line.wav", "a:b.wav", "노래.wav")
    record(*(f"dataset_raw/{SHIFT_JIS}/{name}" for name in names), f"dataset_raw/anna/{SHIFT_JIS}.wav")
    assert run(capsys, "pre-resample", "-n", "1")[0] == 0
    clips = {path.relative_to("dataset/44k").as_posix() for path in Path("dataset/44k").rglob("*.wav")}
    expected = {f"{SHIFT_JIS}/{name.replace(chr(10), ' ')}" for name in names} | {f"anna/{SHIFT_JIS}.wav"}
    assert clips == expected
    assert "6 up to date" in run(capsys, "pre-resample", "-n", "1")[1]

    assert run(capsys, "pre-config", "-t", "myna-lite")[0] == 0
    speaker = r"\udc83O"
    config = Config.read("configs/44k/config.json")
    assert set(config.speakers) == {speaker, "anna"}
    listed = [*read_list(Path("filelists/44k/train.txt")), *read_list(Path("filelists/44k/val.txt"))]
    assert {path.relative_to("dataset/44k").as_posix() for path in listed} == expected
    assert b"dataset/44k/anna/\x83\x4f.wav\n" in Path("filelists/44k/train.txt").read_bytes()

    assert run(capsys, "pre-hubert", "-n", "1", "-fm", "dio")[0] == 0
    code, _, said = run(capsys, "train-index")
    assert code == 0, said
    assert set(Config.read("configs/44k/config.json").pitch) == {speaker, "anna"}


@posix
def test_a_speaker_with_a_line_break_is_refused_and_the_others_are_prepared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record("dataset_raw/an\nna/a.wav", "dataset_raw/boris/b.wav")
    code, out, said = run(capsys, "pre-resample")
    assert code == 4 and out.startswith("1 clip, ")
    assert said[-1] == "svc: 1 of 2 recordings cannot be used; see dataset/44k/pre-resample.refused.txt"
    assert Path("dataset/44k/pre-resample.refused.txt").read_text("utf-8").startswith(r"dataset_raw/an\nna has a line")
    record("dataset/44k/an\nna/a.wav")
    code, out, said = run(capsys, "pre-config")
    assert code == 4 and "1 speaker (boris)" in out
    assert any(r"dataset/44k/an\nna/a.wav has a line break" in line for line in said)


@posix
def test_songs_of_any_name_are_converted_and_their_names_survive_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{SHIFT_JIS}.wav", "line\nbreak.wav", "a:b.wav", "노래.wav", "escape\x1b[31m.wav"]
    record(*(f"songs/{name}" for name in names))
    code, out, _ = run(capsys, "infer", "songs", "-m", "joe", "-o", "sung", "-fm", "dio", "--json")
    assert code == 0 and out.isascii()
    results = {one["input"]: one["output"] for one in json.loads(out)["converted"]}
    assert results == {f"songs/{name}": f"sung/{name}" for name in names}
    assert all(soundfile.info(os.fsencode(path)).duration == SECONDS for path in results.values())


def test_a_console_of_another_encoding_gets_all_text() -> None:
    record("노래.wav")
    for encoding in ("cp1252", "ascii"):
        done = svc("infer", "노래.wav", "-m", "joe", "-fm", "dio", PYTHONIOENCODING=encoding)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
        expected = r"\ub178\ub798" if encoding == "cp1252" else "노래"
        assert f"{expected}.out.wav" in done.stdout.decode()
    done = svc("infer", "노래.wav", "-m", "joe", "-fm", "dio", "--json", PYTHONIOENCODING="cp1252")
    assert done.returncode == 0
    assert json.loads(done.stdout.decode("ascii"))["converted"][0]["input"] == "노래.wav"
    done = svc("infer", "없다.wav", "-m", "joe", PYTHONIOENCODING="cp1252")
    assert (done.returncode, lines(done.stderr)[-1]) == (4, r"svc: there is no file \uc5c6\ub2e4.wav")


@pytest.mark.skipif(sys.platform == "win32", reason="a colon cannot be in a name")
@pytest.mark.parametrize("name", ["a:b.m4a", "http:x.m4a", "file:x.m4a", "-"])
def test_a_name_is_a_file_and_no_protocol(name: str) -> None:
    with av.open(name if name == "-" else f"file:{name}", "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2 * RATE), np.float32), format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux([packet for part in (frame, None) for packet in stream.encode(part)])
    audio, rate = io.read(name)
    assert rate == RATE and abs(len(audio) - 2 * RATE) < 3000
    record(name)
    assert io.read(name)[0].shape == (RATE,)


def test_a_sound_file_names_no_other_file() -> None:
    record("secret.wav")
    Path("list.m4a").write_text("ffconcat version 1.0\nfile secret.wav\n\x01")
    with pytest.raises(AudioError, match="is not audio in a known format"):
        io.read("list.m4a")


def test_several_songs_need_a_folder() -> None:
    record("songs/a.wav", "songs/b.wav")
    for inputs in ([Path("songs")], [Path("songs/a.wav"), Path("songs/b.wav")]):
        with pytest.raises(ConfigError, match=r"one\.wav names one file; the results .* need a folder: -o one"):
            plan_conversions(inputs, "one.wav", False)
        assert len(plan_conversions(inputs, "one.wav/", False)) == 2
        assert len(plan_conversions(inputs, "v1.2", False)) == 2
    assert not Path("one.wav").exists()


def test_no_result_replaces_another_recording() -> None:
    record("a.wav", "a.out.wav", "later/a.wav")
    with pytest.raises(ConfigError, match=r"the result of a\.wav would replace a\.out\.wav, which is to be converted"):
        plan_conversions([Path("a.wav"), Path("a.out.wav")], None, False)
    with pytest.raises(ConfigError, match=r"the result of a\.wav would replace later.a\.wav"):
        plan_conversions([Path("a.wav"), Path("later/a.wav")], "later", False)
    assert len(plan_conversions([Path("a.wav"), Path("a.out.wav")], "new", False)) == 2


# Bad recordings


def without_decoder(path: str) -> None:
    """Write a WAV file whose format code no decoder knows."""
    record(path)
    content = bytearray(Path(path).read_bytes())
    content[20:22] = b"\x01\x8c"
    Path(path).write_bytes(content)


def without_rate(path: str) -> None:
    """Write an IRCAM file with a sample rate of -1 Hz."""
    header = b"\x64\xa3\x03\x00" + np.float32(-1).tobytes() + np.array([1, 2], "<i4").tobytes()
    Path(path).write_bytes(header.ljust(1500, b"\0"))


def test_each_bad_recording_is_an_error_of_its_file_and_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    record("dataset_raw/anna/good.wav")
    without_decoder("dataset_raw/anna/decoder.wav")
    without_rate("dataset_raw/anna/rate.wav")
    for number in range(14):
        Path(f"dataset_raw/anna/{number:02d}.wav").write_text("no sound")
    Path("dataset_raw/anna/cover.jpg").touch()
    code, out, said = run(capsys, "pre-resample", "-n", "1")
    assert code == 4 and out.startswith("1 clip, ")
    assert said[-1] == "svc: 16 of 17 recordings cannot be used; see dataset/44k/pre-resample.refused.txt"
    refused = Path("dataset/44k/pre-resample.refused.txt").read_text("utf-8").splitlines()
    assert len(refused) == 17
    assert [line for line in refused if "decoder.wav is in a format that cannot be decoded here" in line]
    assert [line for line in refused if "rate.wav states no valid sample rate" in line]
    assert refused[-1] == "dataset_raw/anna/cover.jpg is not audio"

    # The lists themselves are no clips, and vanish with the errors.
    assert "0 left out" in run(capsys, "pre-config", "-t", "myna-lite")[1]
    assert not Path("dataset/44k/pre-config.refused.txt").exists()
    shutil.rmtree("dataset_raw/anna")
    record("dataset_raw/anna/good.wav")
    assert run(capsys, "pre-resample")[0] == 0
    assert not Path("dataset/44k/pre-resample.refused.txt").exists()


# Errors of the system


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "cannot write a/b: No space left on device"),
        (OSError(errno.EROFS, "Read-only file system", "a", None, "b"), "cannot write b: Read-only file system"),
        (OSError(errno.ENOSPC, "No space left on device"), "cannot write: No space left on device"),
        (OSError(errno.EIO, "Input/output error", b"a\nb"), r"cannot read or write a\nb: Input/output error"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "a" * 300), f"cannot open {'a' * 300}: File name too long"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), "cannot write a/b: Not a directory"),
        (OSError("Traceback\n\nOSError: it broke"), "cannot read or write: OSError: it broke"),
        (MynaError("a\nb"), r"a\nb"),
        (ValueError("a defect"), None),
        (RuntimeError("a defect"), None),
    ],
)
def test_errors_of_the_file_system_are_one_line(error: Exception, line: str | None) -> None:
    assert explain(error) == line


def test_a_lack_of_memory_is_one_line() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 55, dtype=torch.uint8)
    with pytest.raises(MemoryError) as numpys:
        np.empty(1 << 55, np.uint8)
    for error in (caught.value, numpys.value, MemoryError(), RuntimeError("std::bad_alloc")):
        assert str(explain(error)).startswith("this computer has too little memory")


def test_a_hidden_error_of_the_file_system_is_found() -> None:
    """PyTorch's archive writer reports a wrong position instead of the file system's error."""
    with pytest.raises(RuntimeError) as caught:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        finally:
            raise RuntimeError("unexpected pos 64 vs 0")
    assert explain(caught.value) == "cannot write: No space left on device"


def commands_that_write(place: str) -> list[list[str]]:
    config = ["-c", "configs/44k/config.json"]
    return [
        ["pre-resample", "-o", place],
        ["pre-config", "-t", "myna-lite", "-f", place],
        ["pre-config", "-t", "myna-lite", "-c", f"{place}/config.json"],
        ["infer", "song.wav", "-m", "joe", "-fm", "dio", "-o", f"{place}/a.wav"],
        ["pack", "-m", "joe", "-o", f"{place}/joe.safetensors"],
        ["unpack", "joe.safetensors", "-o", place],
        ["mix", "joe", "joe", "-o", f"{place}/joe.safetensors"],
        ["export", "-m", "joe", "-o", f"{place}/joe.onnx"],
        ["demo", "song.wav", "-o", place],
        ["evaluate", "song.wav", "--source", "song.wav", "--json", f"{place}/a.json"],
        ["train", *config, "-m", place, "-d", "cpu", "--max-steps", "1"],
        ["train-vocoder", *config, "--from-scratch", "-m", place, "-d", "cpu", "--max-steps", "1"],
        ["train-index", *config, "-o", f"{place}/a.safetensors"],
        ["train-cluster", *config, "-o", f"{place}/a.pt"],
        ["gui", "--no-browser", "--folder", place],
    ]


def test_a_place_that_cannot_be_written_to_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A file in the place of a folder refuses everybody, also the administrator."""
    record("dataset_raw/anna/a.wav", "song.wav", *(f"dataset/44k/anna/{number}.wav" for number in range(3)))
    assert run(capsys, "pack", "-m", "joe", "-o", "joe.safetensors")[0] == 0
    assert run(capsys, "pre-config", "-t", "myna-lite")[0] == 0
    assert run(capsys, "pre-hubert", "-n", "1", "-fm", "dio")[0] == 0
    Path("file").touch()
    before = sorted(path for path in Path().rglob("*"))
    for arguments in commands_that_write("file/place"):
        code, _, said = run(capsys, *arguments)
        errors = [line for line in said if line.startswith("svc: ")]
        assert code in (4, 5) and len(errors) == 1, (arguments, said)
        assert "cannot write" in errors[0] and "Errno" not in errors[0], errors
        assert not any("Traceback" in line for line in said)
    left = sorted(path for path in Path().rglob("*"))
    assert left == before


def test_a_full_console_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = processes.run([sys.executable, "-m", "myna", "voices"], stdout=full)
    assert done.returncode in (4, 120)
    assert "Traceback" not in done.stderr
    assert "svc: cannot write: No space left on device" in done.stderr


# Signals


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no terminals")
def test_a_closed_terminal_leaves_no_partial_file(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 220 * np.arange(120 * 16000) / 16000)
    soundfile.write("song.flac", 0.1 * tone, 16000)
    command = [sys.executable, "-m", "myna", "infer", "song.flac", "-m", "joe", "-mc", "5"]
    with processes.started(command, stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob(".*.part")):
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGHUP)
        assert process.wait(60) == 128 + signal.SIGHUP
    assert [path.name for path in tmp_path.iterdir()] == ["song.flac"]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no terminals")
def test_a_program_that_nohup_started_survives_its_terminal() -> None:
    script = "import signal, sys; from myna.apps.cli import main; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    script += "import myna.apps.actions.inspect as one; one.list_voices = lambda folder: signal.raise_signal(1)\n"
    script += "try: main(['voices'])\nexcept AttributeError: sys.exit(7)"  # it goes on after the signal
    assert processes.run([sys.executable, "-c", script]).returncode == 7


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")
def test_programs_of_tests_have_their_own_signals_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        script = (
            "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])"
        )
        script += "\nprint(child.pid, flush=True)\nchild.wait()"
        with processes.started([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            child = int(process.stdout.readline())
            process.send_signal(signal.SIGINT)
            assert process.wait(30) in (1, -signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    until = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        if Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{child}").exists()
