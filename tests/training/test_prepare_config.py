"""Configuration and lists of clips: the same clips give the same files, and every clip is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from myna.config import Config, PitchRange
from myna.errors import AudioError, ConfigError
from myna.training.prepare.configuration import ConfigSummary, write_config

RATE = 8000
CONFIG = Path("configs/44k/config.json")


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def add_clips(speaker: str, *names: str, seconds: float = 0.5) -> None:
    folder = Path("dataset/44k") / speaker
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        soundfile.write(folder / name, np.full(round(seconds * RATE), 0.1), RATE)


def numbered(n: int) -> list[str]:
    return [f"{i:03d}.wav" for i in range(n)]


def write(**choices: Any) -> ConfigSummary:
    return write_config(Path("dataset/44k"), Path("filelists/44k"), CONFIG, **choices)


def listed(name: str) -> list[str]:
    return Path("filelists/44k", name).read_bytes().decode("utf-8").splitlines()


def test_two_clips_of_each_speaker_are_held_back_for_validation() -> None:
    add_clips("zoë", *numbered(6))
    add_clips("안나", *numbered(9))
    add_clips("Boris", *numbered(5))
    summary = write()
    train, val = listed("train.txt"), listed("val.txt")
    assert (summary.n_training, summary.n_validation) == (len(train), len(val)) == (14, 6)
    assert sorted(train + val) == sorted(path.as_posix() for path in Path("dataset/44k").rglob("*.wav"))
    assert [sum(f"/{speaker}/" in line for line in val) for speaker in ("zoë", "안나", "Boris")] == [2, 2, 2]
    assert listed("test.txt") == []
    config = Config.read(CONFIG)
    assert config.speakers == {"Boris": 0, "zoë": 1, "안나": 2}
    assert (config.data.training_files, config.data.validation_files) == (
        "filelists/44k/train.txt",
        "filelists/44k/val.txt",
    )
    assert summary.seconds == pytest.approx(10)


def test_the_same_clips_give_the_same_files_and_a_new_one_changes_little() -> None:
    add_clips("anna", *numbered(30))
    write()
    before = {path: path.read_bytes() for path in (CONFIG, *Path("filelists/44k").iterdir())}
    assert write().backup is None
    assert {path: path.read_bytes() for path in before} == before
    val = set(listed("val.txt"))
    add_clips("anna", "new.wav")
    write()
    assert len(val & set(listed("val.txt"))) >= 1


@pytest.mark.parametrize(("n_clips", "n_train", "n_val"), [(1, 1, 1), (2, 2, 1), (3, 2, 1), (4, 3, 1), (5, 3, 2)])
def test_one_clip_is_enough(n_clips: int, n_train: int, n_val: int) -> None:
    """The predecessor needs five."""
    add_clips("anna", *numbered(n_clips))
    summary = write()
    assert (summary.n_training, summary.n_validation) == (n_train, n_val)
    shared = set(listed("train.txt")) & set(listed("val.txt"))
    assert bool(shared) == bool(summary.notes) == (n_clips < 3)


def test_files_that_are_not_clips_are_reported_and_ignored() -> None:
    add_clips("anna", *numbered(5))
    add_clips("anna", "short.wav", seconds=0.29)
    add_clips("anna", "enough.wav", seconds=0.31)
    add_clips("empty")
    Path("dataset/44k/.DS_Store").touch()
    Path("dataset/44k/stray.txt").touch()
    Path("dataset/44k/anna/text.wav").write_text("words, words, words")
    Path("dataset/44k/anna/000.wav.features.safetensors").touch()
    summary = write()
    assert summary.n_training + summary.n_validation == 6
    ignored = "\n".join(summary.ignored)
    assert "short.wav is too short: 0.29 s" in ignored
    assert "empty contains no .wav file" in ignored
    assert "stray.txt lies beside" in ignored
    assert [line for line in summary.failed if "text.wav is text, not audio" in line]
    assert list(Config.read(CONFIG).speakers) == ["anna"]


def test_an_empty_folder_raises_with_advice() -> None:
    with pytest.raises(AudioError, match="no clips in dataset/44k/NAME/; svc pre-resample makes them"):
        write()
    assert not CONFIG.exists()


def edit(**train: object) -> None:
    Config.read(CONFIG).with_values(train=train).write(CONFIG)


@pytest.mark.parametrize("again", [{}, {"template": "myna-lite"}])
def test_the_kind_of_voice_and_edited_settings_are_kept(again: dict[str, str]) -> None:
    """Preparation is repeated after recordings are added."""
    add_clips("anna", *numbered(5))
    write(template="myna-lite", content_encoder="whisper-base")
    edit(batch_size=3, learning_rate=0.00002)
    add_clips("zoe", *numbered(3))
    summary = write(**again)
    config = Config.read(CONFIG)
    assert (config.model.synthesizer, config.content_encoder) == ("direct", "whisper-base")
    assert (config.train.batch_size, config.train.learning_rate) == (3, 0.00002)
    assert config.speakers == {"anna": 0, "zoe": 1}
    assert summary.backup is None
    if again:
        (note,) = summary.notes
        assert "kept" in note
        assert "train.batch_size 3 (template: 8)" in note
        assert "train.learning_rate 2e-05" in note


def test_another_kind_of_voice_names_the_settings_that_are_lost_and_keeps_a_copy() -> None:
    add_clips("anna", *numbered(5))
    write(template="myna-lite")
    edit(batch_size=3)
    edited = CONFIG.read_bytes()
    summary = write(template="quickvc")
    assert Config.read(CONFIG).train.batch_size == Config.template("quickvc").train.batch_size
    assert summary.backup == CONFIG.with_name("config.json.bak")
    assert summary.backup.read_bytes() == edited
    assert summary.notes == (
        "the kind of voice changes from myna-lite to quickvc",
        "settings of the previous configuration that are not kept: train.batch_size 3 (template: 8)",
    )
    second = CONFIG.read_bytes()
    other = write(template="so-vits-svc-4.1").backup
    assert other == CONFIG.with_name("config.json.bak2")
    assert (summary.backup.read_bytes(), other.read_bytes()) == (edited, second)


def test_a_broken_configuration_is_not_replaced_unless_the_kind_of_voice_is_given() -> None:
    add_clips("anna", *numbered(5))
    write()
    CONFIG.write_text("{ a slip of the pen", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is not JSON.*correct it, or choose the kind of voice with -t"):
        write()
    assert CONFIG.read_text(encoding="utf-8") == "{ a slip of the pen"
    summary = write(template="myna-lite")
    assert summary.backup is not None
    assert summary.backup.read_text(encoding="utf-8") == "{ a slip of the pen"


@pytest.mark.parametrize("failing", [1, 2, 3, 4, 5])
def test_a_full_disk_leaves_the_configuration_and_the_lists(failing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    add_clips("anna", *numbered(5))
    write(template="myna-lite")
    before = {path: path.read_bytes() for path in (CONFIG, *Path("filelists/44k").iterdir())}
    add_clips("zoe", *numbered(5))
    calls = []
    real = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        calls.append(self)
        if len(calls) == failing:
            real(self, content[: len(content) // 2])
            raise OSError(28, "No space left on device")
        return real(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write(template="quickvc")
    found = {path: path.read_bytes() for path in (*CONFIG.parent.iterdir(), *Path("filelists/44k").iterdir())}
    assert found == before


def test_pitch_ranges_are_kept_when_nothing_else_changed() -> None:
    add_clips("anna", *numbered(5))
    write()
    pitch = PitchRange(median_hz=220, low_hz=150, high_hz=300)
    Config.read(CONFIG).with_values(pitch={"anna": pitch.model_dump()}).write(CONFIG)
    summary = write()
    assert summary.backup is None
    assert summary.config.pitch == Config.read(CONFIG).pitch == {"anna": pitch}


def test_speakers_keep_their_indices_when_one_is_added() -> None:
    """A voice in training identifies its speakers by index."""
    add_clips("mia", *numbered(3))
    add_clips("noah", *numbered(3))
    write()
    add_clips("anna", *numbered(3))
    write()
    assert Config.read(CONFIG).speakers == {"mia": 0, "noah": 1, "anna": 2}


def test_speakers_keep_the_rows_in_which_they_were_trained() -> None:
    """The voice names them, even while they have no clips."""
    trained = Path("logs/44k")
    pitch = {"median_hz": 220.0, "low_hz": 150.0, "high_hz": 300.0}
    Config.template("myna-lite").with_values(spk={"noah": 1, "mia": 0}, pitch={"mia": pitch}).write(
        trained / "config.json"
    )
    add_clips("zoe", *numbered(3))
    assert write(template="myna-lite", trained_in=trained).config.speakers == {"zoe": 0}  # nothing has been trained yet
    for kind in "GD":
        (trained / f"{kind}_3.pth").touch()
    summary = write(trained_in=trained)
    assert summary.config.speakers == {"mia": 0, "noah": 1, "zoe": 2}
    assert summary.config.pitch == {"mia": PitchRange(**pitch)}
    assert "mia was trained in logs/44k and has no clips now; the voice keeps mia as speaker 0" in summary.notes
    assert summary.notes[-1].endswith("use another folder: svc train -m logs/zoe")
    add_clips("noah", *numbered(3))
    add_clips("anna", *numbered(3))
    assert write(trained_in=trained).config.speakers == {"mia": 0, "noah": 1, "zoe": 2, "anna": 3}


def test_a_lost_configuration_is_that_of_the_trained_voice() -> None:
    trained = Path("logs/44k")
    Config.template("myna-lite").with_values(spk={"mia": 0}, train={"batch_size": 3}).write(trained / "config.json")
    (trained / "G_3.pth").touch()
    add_clips("mia", *numbered(3))
    config = write(trained_in=trained).config
    assert (config.model.synthesizer, config.train.batch_size) == ("direct", 3)


def test_a_broken_configuration_of_the_trained_voice_is_not_ignored() -> None:
    trained = Path("logs/44k")
    trained.mkdir(parents=True)
    (trained / "G_3.pth").touch()
    (trained / "config.json").write_text("{")
    add_clips("mia", *numbered(3))
    with pytest.raises(ConfigError, match="has the names of the speakers trained in logs/44k"):
        write(trained_in=trained)
    assert not CONFIG.exists()


@pytest.mark.parametrize("template", ["so-vits-svc-4.0v1", "so-vits-svc-4.1"])
def test_the_number_of_speakers_is_that_of_the_base_weights(template: str) -> None:
    add_clips("anna", *numbered(3))
    assert write(template=template).config.model.n_speakers == 200


def test_a_template_may_be_a_file_whose_speakers_are_not_used() -> None:
    add_clips("anna", *numbered(3))
    add_clips("boris", *numbered(3))
    Config.parse({"model": {"n_speakers": 1}, "spk": {"mia": 0}, "pitch": {}}).write("mine.json")
    config = write(template="mine.json").config
    assert (config.speakers, config.model.n_speakers) == ({"anna": 0, "boris": 1}, 2)
    with pytest.raises(ConfigError, match=r"no template 'other\.json'; there are: so-vits-svc-4\.0v1"):
        write(template="other.json")


@pytest.mark.parametrize("template", ["so-vits-svc-4.0v1", "so-vits-svc-4.0v1-legacy", "so-vits-svc-4.1", "quickvc"])
@pytest.mark.parametrize(("encoder", "channels"), [("whisper-base", 512), ("vec256l9", 256), ("vec768l12", 768)])
def test_any_template_accepts_any_encoder(template: str, encoder: str, channels: int) -> None:
    add_clips("anna", *numbered(3))
    config = write(template=template, content_encoder=encoder).config
    assert (config.content_encoder, config.model.content_channels) == (encoder, channels)
    assert config.content_expansion == Config.template(template).content_expansion
    # The key that so-vits-svc-fork reads.
    assert config.data.contentvec_final_proj == {"vec256l9": True, "vec768l12": False}.get(encoder)


def test_an_unknown_encoder_raises_with_the_known_ones() -> None:
    add_clips("anna", *numbered(3))
    with pytest.raises(ConfigError, match=r"no content encoder 'hubert'; there are: .*vec768l12, "):
        write(content_encoder="hubert")
