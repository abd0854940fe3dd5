"""`svc demo` converts a phrase, draws it and measures it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from tiny_voice import CONFIG, RATE, BandEnergies, write_voice

from myna.apps.cli import main
from myna.apps.cli.commands import demo
from myna.config import Config
from myna.evaluation.drawing.picture import SIZE


@pytest.fixture(autouse=True)
def _voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a voice only."""
    monkeypatch.setattr("myna.features.extractor.load_encoder", lambda name, device: BandEnergies())
    monkeypatch.chdir(tmp_path)
    write_voice("voice", 10)


def svc(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def record(path: str, hz: float = 240, channels: int = 1) -> None:
    """A second of a tone with harmonics."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(22050) / 22050
    tone = sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 9)) * 0.1
    soundfile.write(path, np.stack([tone] * channels, axis=1), 22050)


def files() -> set[str]:
    return {path.as_posix() for path in Path().rglob("*") if path.is_file() and path.parts[0] != "voice"}


def test_the_bundled_phrase_is_converted_drawn_and_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert svc("demo", "-m", "voice", "-d", "cpu") == 0
    assert files() == {"demo/song.wav", "demo/song.out.wav", "demo/song.png"}
    source, sung = soundfile.info("demo/song.wav"), soundfile.info("demo/song.out.wav")
    assert sung.samplerate == RATE and sung.duration == pytest.approx(source.duration, abs=1 / RATE)
    with Image.open("demo/song.png") as picture:
        assert picture.size == SIZE and len(picture.getcolors(SIZE[0] * SIZE[1])) > 200
    printed = capsys.readouterr().out
    names = ("pitch correlation", "pitch error", "voiced frames within 50 cents", "frames whose voicing differs")
    titles = (*names, "loudness")
    assert [title for title in titles if f"\n{title}" not in printed] == []
    assert "Listen: " in printed and str(Path("demo/song.out.wav")) in printed and str(Path("demo/song.png")) in printed
    assert "vocadito" in printed and "CC BY 4.0" in printed
    assert 'svc infer your-song.wav -m "voice"\n' in printed
    assert printed.splitlines()[-1].strip() == "svc pre-resample"


def test_the_phrase_is_short_and_its_file_small() -> None:
    song = soundfile.info(demo.BUNDLED_SONG)
    assert 5 < song.duration < 15 and song.channels == 1 and demo.BUNDLED_SONG.stat().st_size < 1e6


def test_a_recording_is_transposed_to_the_octave_of_the_voice(capsys: pytest.CaptureFixture[str]) -> None:
    Config.parse(CONFIG | {"spk": {"tenor": 1}}).write("tenor.json")
    record("a/vocals.flac", hz=240)
    assert svc("demo", "a/vocals.flac", "-o", "sung", "-m", "voice", "-c", "tenor.json", "-d", "cpu") == 0
    assert files() == {"a/vocals.flac", "tenor.json", *(f"sung/vocals.{end}" for end in ("wav", "out.wav", "png"))}
    printed = capsys.readouterr().out
    assert "converted, -12 semitones, measured" in printed  # from 240 Hz to the tenor's 120 Hz
    assert '-m "voice" -c "tenor.json" --auto-transpose' in printed
    assert "vocadito" not in printed


def test_the_numbers_equal_those_of_svc_evaluate(capsys: pytest.CaptureFixture[str]) -> None:
    assert svc("demo", "-m", "voice", "-d", "cpu") == 0
    table = capsys.readouterr().out.split("\n\n")[0]
    without = ("--no-similarity", "--no-words", "--no-quality", "-t", "0")
    assert svc("evaluate", "demo/song.out.wav", "--source", "demo/song.wav", *without) == 0
    assert capsys.readouterr().out.strip().split("\n\n")[1] == table


def test_a_second_run_makes_the_same_sound_and_picture() -> None:
    record("vocals.flac")
    made = []
    for _ in range(2):
        assert svc("demo", "vocals.flac", "-m", "voice", "-d", "cpu") == 0
        # A signature of the sound differs each time.
        sounds = [soundfile.read(path, dtype="int16")[0].tolist() for path in sorted(Path("demo").glob("*.wav"))]
        made.append((sounds, Path("demo/vocals.png").read_bytes()))
    assert made[0] == made[1] and made[0][0]


def test_a_recording_in_the_output_folder_is_not_changed() -> None:
    record("vocals.wav", channels=2)
    before = Path("vocals.wav").read_bytes()
    assert svc("demo", "vocals.wav", "-o", ".", "-m", "voice", "-d", "cpu") == 0
    assert Path("vocals.wav").read_bytes() == before
    assert files() == {"vocals.wav", "vocals.out.wav", "vocals.png"}


def test_another_recording_of_the_same_name_is_not_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    record("vocals.wav", hz=200)
    record("a/vocals.wav", hz=240)
    before = Path("vocals.wav").read_bytes()
    assert svc("demo", "a/vocals.wav", "-o", ".", "-m", "voice", "-d", "cpu") == 5
    assert "choose another folder with -o" in capsys.readouterr().err.splitlines()[-1]
    assert Path("vocals.wav").read_bytes() == before and files() == {"vocals.wav", "a/vocals.wav"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-m", "voice"], "reinstall myna, or name a recording"),
        (["song.wav"], "there is no gone/joe; name the voice"),
        (["absent.wav", "-m", "voice"], "no file absent.wav"),
        (["lyrics.wav", "-m", "voice"], "lyrics.wav is text"),
        (["song.wav", "-m", "nowhere"], "nowhere"),
        (["song.wav", "-m", "voice", "-o", "lyrics.wav/demo"], "cannot write"),
    ],
)
def test_a_missing_file_is_a_one_line_error_with_advice(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "BUNDLED_SONG", Path("gone/song.flac"))
    monkeypatch.setattr(demo, "BUNDLED_VOICES", Path("gone"))
    record("song.wav")
    Path("lyrics.wav").write_text("la la")
    assert svc("demo", *arguments, "-d", "cpu") == 4
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("svc: ") and reason in last
    assert files() == {"song.wav", "lyrics.wav"}
