"""`svc infer`: which recordings are converted, where results go, and what is printed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile

import myna.conversion.converter
from myna.apps.cli import main
from myna.apps.cli.flags import find_config
from myna.assets import BUNDLED_VOICES
from myna.audio.io import Writer, read
from myna.config import PitchRange
from myna.conversion.converter import ConversionSummary
from myna.errors import ConfigError
from myna.layout import LOGS
from myna.options import ConversionOptions
from myna.progress import Progress
from myna.studio.job_list import JobList
from myna.studio.voices import Library
from myna.studio.workspace import Workspace
from myna.zoo.voice_notes import VoiceNotes

RATE = 22050


class Parrot:
    """Converter that copies the recording and records its arguments."""

    loaded: ClassVar[list[tuple[Any, ...]]] = []
    asked: ClassVar[list[ConversionOptions]] = []
    voice_pitch: ClassVar[PitchRange | None] = None
    changes: ClassVar[dict[str, float]] = {}
    voice = SimpleNamespace(defaults={}, path=Path("voice.pth"), config=SimpleNamespace(pitch={}))

    @classmethod
    def load(cls, *arguments: Any) -> Parrot:
        cls.loaded.append(arguments)
        return cls()

    def check(self, options: ConversionOptions) -> None:
        if options.speaker not in (None, "anna"):
            raise ConfigError(f"no speaker {options.speaker!r}; this voice has: anna")

    def convert_file(
        self, source: Path, target: Path, options: ConversionOptions, progress: Progress
    ) -> ConversionSummary:
        self.asked.append(options)
        with Writer(target, RATE) as writer:
            audio, _ = read(source, RATE)
            for block in progress([audio], title=source.name, total=1, unit="s"):
                writer.write(block)
        seconds, pitch = len(audio) / RATE, PitchRange(median_hz=220.0, low_hz=200.0, high_hz=240.0)
        return ConversionSummary(seconds, seconds, 1, options.transpose, pitch, self.voice_pitch, **self.changes)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with `Parrot` as the converter."""
    monkeypatch.setattr(myna.conversion.converter, "Converter", Parrot)
    monkeypatch.setattr(Parrot, "loaded", [])
    monkeypatch.setattr(Parrot, "asked", [])
    monkeypatch.setattr(Parrot, "voice_pitch", None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def record(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(np.arange(RATE // 10) / 20), RATE)


def svc(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["infer", *arguments])
    return int(ended.value.code or 0)


def files() -> set[str]:
    return {path.as_posix() for path in Path().rglob("*") if path.is_file()}


def test_the_result_is_beside_the_recording_and_the_last_line_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    record("vocals.wav")
    assert svc("vocals.wav") == 0
    assert files() == {"vocals.wav", "vocals.out.wav"}
    printed = capsys.readouterr()
    assert "0.1 s of singing in" in printed.out.splitlines()[-1] and "vocals.out.wav" in printed.out
    assert "device: " in printed.err and " s (fp32): " in printed.out


@pytest.mark.parametrize(
    ("recording", "output", "expected"),
    [
        ("a.wav", "b.flac", "b.flac"),
        ("a.flac", "new/b.mp3", "new/b.mp3"),
        ("a.wav", "new/", "new/a.wav"),
        ("a.wav", "new", "new/a.wav"),
        ("a.wav", ".", "a.out.wav"),
        ("a.aiff", "new/", "new/a.wav"),
        ("a.ogg", None, "a.out.ogg"),
        ("a.aiff", None, "a.out.wav"),
        ("歌/ひばり.wav", None, "歌/ひばり.out.wav"),
    ],
)
def test_output_path(recording: str, output: str | None, expected: str) -> None:
    record(recording)
    assert svc(recording, *(["-o", output] if output else [])) == 0
    assert files() == {recording, expected}


def test_a_folder_is_converted_without_its_subfolders_and_without_results() -> None:
    for name in ("songs/a.wav", "songs/b.flac", "songs/a.out.wav", "songs/.hidden.wav", "songs/deep/c.wav"):
        record(name)
    Path("songs/lyrics.txt").write_text("la la")
    before = files()
    assert svc("songs") == 0
    assert files() - before == {"songs/b.out.flac"}  # a.out.wav existed before
    assert len(Parrot.asked) == 2


def test_recursive_conversion_keeps_the_folder_structure_and_can_be_repeated() -> None:
    for name in ("songs/a.wav", "songs/deep/er/a.wav"):
        record(name)
    for _ in range(2):
        assert svc("songs", "-re", "-o", "songs/sung") == 0
        assert files() == {"songs/a.wav", "songs/deep/er/a.wav", "songs/sung/a.wav", "songs/sung/deep/er/a.wav"}


def test_several_recordings_are_written_to_one_folder() -> None:
    record("a.wav")
    record("b/c.flac")
    assert svc("a.wav", "b", "-o", "sung") == 0
    assert files() == {"a.wav", "b/c.flac", "sung/a.wav", "sung/c.flac"}


def test_two_results_with_one_name_are_refused_before_any_conversion(capsys: pytest.CaptureFixture[str]) -> None:
    record("a/song.wav")
    record("b/song.wav")
    assert svc("a/song.wav", "b/song.wav", "-o", "sung/") == 5
    assert "a/song.wav and b/song.wav" in capsys.readouterr().err
    assert files() == {"a/song.wav", "b/song.wav"}


def test_a_batch_continues_after_a_bad_file_and_ends_with_its_name_and_the_status_of_a_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record("songs/a.wav")
    record("songs/c.wav")
    Path("songs/b.wav").write_text("these are the lyrics")
    assert svc("songs") == 4
    assert files() == {"songs/a.wav", "songs/b.wav", "songs/c.wav", "songs/a.out.wav", "songs/c.out.wav"}
    printed = capsys.readouterr()
    assert "0.2 s of singing" in printed.out
    assert printed.err.splitlines()[-1] == "svc: 1 of 3 recordings were not converted: songs/b.wav"
    assert "songs/b.wav is text" in printed.err


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["absent.wav"], 4, "no file absent.wav"),
        (["song.wav", "-s", "berta"], 5, "'berta'; this voice has: anna"),
        (["song.wav", "-o", "song.xyz"], 4, ".wav, .flac, .mp3, .ogg"),
        (["song.wav", "-d", "warp9"], 8, "no device 'warp9'"),
        (["empty"], 4, "no audio files in empty"),
        (["song.wav", "empty", "-o", "song.wav"], 5, "a folder"),
        (["song.wav", "song.wav", "other.wav", "--pitch", "edits.json"], 5, "belong to one recording"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], status: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record("song.wav")
    Path("empty").mkdir()
    assert svc(*arguments) == status
    printed = capsys.readouterr().err.splitlines()
    assert reason in printed[-1] and printed[-1].startswith("svc: ")
    assert [line for line in printed if not line.startswith("device: ")] == printed[-1:]
    assert files() == {"song.wav"}


def test_flags_of_the_predecessors_are_accepted() -> None:
    record("vocals.wav")
    line = "vocals.wav -o sung.wav -s anna -m G_1.pth -c config.json -k kmeans.pt -r 0 -t 12 -db -40 -fm dio -na -n 0.3"
    assert svc(*line.split(), *["-p", "0.4", "-ch", "0.6", "-ab", "-mc", "20", "-d", "cpu"]) == 0
    assert Parrot.loaded == [(Path("G_1.pth"), Path("config.json"), "cpu", None)]
    assert Parrot.asked == [
        ConversionOptions(
            **{"speaker": "anna", "transpose": 12.0, "silence_db": -40.0, "f0_method": "dio", "noise_scale": 0.3},
            **{"cluster_model_path": Path("kmeans.pt"), "cluster_infer_ratio": 0.0},
            **{"pad_seconds": 0.4, "min_silence_seconds": 0.6, "absolute_silence": True, "max_chunk_seconds": 20.0},
        )
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        *(["-t", "99"], ["-r", "2"], ["-s", "a", "--speaker-mix", "a:1"], ["-mc", "0.5"], ["-fm", "guess"]),
        *(["-n", "much"], ["--autotune", "H"], ["-a", "--vibrato", "0"]),
    ],
)
def test_a_value_out_of_range_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    record("vocals.wav")
    assert svc("vocals.wav", *arguments) == 2
    assert files() == {"vocals.wav"}


def test_the_configuration_beside_the_model_has_precedence() -> None:
    for folder in ("logs/44k", "configs/44k"):
        Path(folder).mkdir(parents=True)
    assert find_config(Path("logs/44k")) is None
    Path("configs/44k/config.json").touch()
    assert find_config(Path("downloads/G_1.pth")) is None
    assert find_config(Path("logs/44k")) == find_config(Path("logs/44k/G_1.pth")) == Path("configs/44k/config.json")
    Path("logs/44k/config.json").touch()
    assert find_config(Path("logs/44k")) is find_config(Path("logs/44k/G_1.pth")) is None


def test_json_lists_results_and_failures(capsys: pytest.CaptureFixture[str]) -> None:
    record("a.wav")
    shutil.copy("a.wav", "b.wav")
    Path("c.wav").touch()
    assert svc("a.wav", "b.wav", "c.wav", "--json") == 4
    report = json.loads(capsys.readouterr().out)
    assert [item["output"] for item in report["converted"]] == ["a.out.wav", "b.out.wav"]
    assert report["converted"][0]["source_pitch"]["median_hz"] == 220
    assert [item["input"] for item in report["failed"]] == ["c.wav"]


@pytest.mark.parametrize(
    ("voice_hz", "transpose", "advice"),
    [(None, "0", "-t 12"), (110, "0", "try -t -12"), (200, "0", "they fit"), (900, "12", "try -t 24")],
)
def test_the_last_line_advises_on_pitch(
    voice_hz: float | None, transpose: str, advice: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    record("vocals.wav")
    pitch = PitchRange(median_hz=voice_hz, low_hz=voice_hz / 2, high_hz=voice_hz * 2) if voice_hz else None
    monkeypatch.setattr(Parrot, "voice_pitch", pitch)
    assert svc("vocals.wav", "-t", transpose) == 0
    assert advice in capsys.readouterr().out.splitlines()[-1]


def test_the_result_line_states_what_was_changed(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    record("vocals.wav")
    shutil.copy("vocals.wav", "b.wav")
    changes = {"turned_down_db": 3.21, "lowered_seconds": 1.25, "raised_seconds": 0.4}
    monkeypatch.setattr(Parrot, "changes", changes)
    assert svc("vocals.wav") == 0
    expected = (
        "It is turned down by 3.2 dB to stay below full scale. "
        "1.2 s above 1100 Hz, a limit of the voice, are sung an octave lower. "
        "0.4 s below 50 Hz, a limit of the voice, are sung an octave higher."
    )
    assert capsys.readouterr().out.splitlines()[-1].endswith(expected)
    assert svc("vocals.wav", "b.wav") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:-1] == [f"vocals.out.wav: {expected}", f"b.out.wav: {expected}"]
    assert svc("vocals.wav", "--json") == 0
    (converted,) = json.loads(capsys.readouterr().out)["converted"]
    assert {key: converted[key] for key in changes} == changes


def test_the_defaults_of_a_voice_are_used_for_options_without_a_value_and_are_printed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    defaults = {"transpose": 12.0, "f0_method": "dio", "speaker_mix": "anna:1", "cluster_infer_ratio": 0.5}
    monkeypatch.setattr(Parrot.voice, "defaults", defaults)
    record("song.wav")
    assert svc("song.wav", "-fm", "swift", "-s", "anna") == 0
    (options,) = Parrot.asked
    # The voice has no index, and the chosen speaker replaces the voice's mix of speakers.
    assert options == ConversionOptions(transpose=12.0, f0_method="swift", speaker="anna")
    assert "defaults of the voice: --transpose 12 " in capsys.readouterr().err


def test_defaults_that_were_stored_on_the_page_are_used_in_its_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(folder / "studio")
    workspace.create()
    JobList(workspace)
    library = Library(workspace)
    logs = workspace.training / "anna" / LOGS
    logs.mkdir(parents=True)
    for number in (1, 2, 3):
        (logs / f"G_{number}.pth").touch()
    for name, transpose in (("joe", -5.0), ("anna (in training)", 3.0), ("anna (in training, 2)", 4.0)):
        library.note(library.find(name), VoiceNotes(defaults={"transpose": transpose}))
    record("song.wav")

    def used(weights: Path, *flags: str) -> float:
        monkeypatch.setattr(Parrot.voice, "path", weights)
        assert svc(str(folder / "song.wav"), *flags) == 0
        return Parrot.asked[-1].transpose

    joe = BUNDLED_VOICES / "joe" / "G_893.pth"
    assert used(joe) == 0.0  # neither the song nor the working folder is in that of the page
    assert used(joe, "-o", str(workspace.folder / "song.wav")) == -5.0
    assert used(logs / "G_3.pth") == 3.0 and used(logs / "G_2.pth") == 4.0
    monkeypatch.chdir(workspace.folder)
    assert used(joe) == -5.0 and used(joe, "-t", "2") == 2.0
    (workspace.folder / "voice-notes.json").write_text('{"joe": {"defaults": {"transpose": 900, "noise_scale": 0.1}}}')
    assert used(joe) == 0.0 and Parrot.asked[-1].noise_scale == 0.1
