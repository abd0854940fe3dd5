"""A voice knows its speakers by name: another person's recordings never take over a trained row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny import make_dataset
from trainings import Recorder, run

from myna.config import Config
from myna.errors import AssetError, ConfigError
from myna.training.trained import with_trained_speakers

pytestmark = pytest.mark.usefixtures("small_and_alone")


def change(config: Path, speakers: dict[str, int], **sections: dict[str, Any]) -> None:
    plain = Config.read(config).with_values(**sections).plain() | {"spk": speakers}
    Config.parse(plain).write(config)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Configuration of a project whose folder `logs` holds a voice of anna, after one step."""
    config = make_dataset(tmp_path)
    run(config, tmp_path / "logs", max_steps=1)
    return config


def test_another_person_in_a_trained_row_is_refused_with_the_way_out(config: Path) -> None:
    """The clips of anna are renamed to those of zoe, who takes row 0."""
    logs = config.parent / "logs"
    before = (logs / "config.json").read_bytes()
    rename_clips(config.parent, "zoe")
    change(config, {"zoe": 0})
    with pytest.raises(
        ConfigError, match="trained with anna as speaker 0, but the configuration has zoe as speaker 0"
    ) as error:
        run(config, logs, max_steps=2)
    assert f"svc pre-config -m {logs}" in str(error.value)
    assert f"-m {config.parent / 'zoe'}" in str(error.value)
    assert (logs / "config.json").read_bytes() == before


def test_a_trained_speaker_in_another_row_is_refused(config: Path) -> None:
    change(config, {"anna": 1, "zoe": 0})
    with pytest.raises(
        ConfigError, match="trained with anna as speaker 0, but the configuration has anna as speaker 1"
    ):
        run(config, config.parent / "logs", max_steps=2)


@pytest.mark.parametrize("max_steps", [1, 2])
def test_clips_of_other_speakers_only_are_refused(config: Path, max_steps: int) -> None:
    rename_clips(config.parent, "zoe")
    change(config, {"anna": 0, "zoe": 1})
    with pytest.raises(
        ConfigError, match=r"holds a voice of anna, but there are no clips of anna: train zoe .*/zoe, or"
    ):
        run(config, config.parent / "logs", max_steps=max_steps)


def test_a_speaker_is_added_and_a_removed_one_keeps_its_row(config: Path) -> None:
    logs = config.parent / "logs"
    rename_clips(config.parent, "zoe", only=("0", "1"))
    change(config, {"anna": 0, "zoe": 1})
    run(config, logs, max_steps=2)
    assert Config.read(logs / "config.json").speakers == {"anna": 0, "zoe": 1}
    lines = (config.parent / "train.txt").read_text().splitlines(keepends=True)
    for name in ("train.txt", "val.txt"):
        (config.parent / name).write_text("".join(line for line in lines if "/zoe/" in line))
    change(config, {"zoe": 1})
    recorder = Recorder()
    run(config, logs, recorder, max_steps=4)
    assert recorder.notes[0].startswith("anna: trained in ")
    assert "without clips now; the voice keeps the row" in recorder.notes[0]
    assert Config.read(logs / "config.json").speakers == {"anna": 0, "zoe": 1}


def test_a_voice_in_a_new_folder_names_only_its_own_speakers(config: Path) -> None:
    rename_clips(config.parent, "zoe")
    change(config, {"anna": 0, "zoe": 1})
    run(config, config.parent / "other", max_steps=1)
    written = Config.read(config.parent / "other" / "config.json")
    assert written.speakers == {"zoe": 1}
    assert written.speaker_id(None) == 1


def test_the_configuration_beside_the_weights_is_unchanged_where_there_is_nothing_to_do(config: Path) -> None:
    logs = config.parent / "logs"
    before = (logs / "config.json").read_bytes()
    change(config, {"anna": 0, "zoe": 1}, train={"epochs": 77})
    assert run(config, logs, max_steps=1).steps == 0
    assert (logs / "config.json").read_bytes() == before


def test_a_training_that_does_not_begin_writes_no_configuration(tmp_path: Path) -> None:
    config = make_dataset(tmp_path)
    with pytest.raises(AssetError):
        run(config, tmp_path / "logs", from_scratch=False)
    assert not (tmp_path / "logs" / "config.json").exists()


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"data": {"sampling_rate": 22050}}, "data.sampling_rate is 44100, but the configuration has 22050"),
        ({"data": {"hop_length": 256}}, "data.hop_length is 512, but the configuration has 256"),
        (
            {"model": {"speech_encoder": "whisper-base"}},
            "content encoder is .*, but the configuration has whisper-base",
        ),
    ],
)
def test_a_voice_of_other_features_is_not_continued(
    config: Path, sections: dict[str, dict[str, Any]], message: str
) -> None:
    """The shapes of the weights do not show these differences."""
    change(config, {"anna": 0}, **sections)
    with pytest.raises(ConfigError, match=message):
        run(config, config.parent / "logs", max_steps=2)


def test_a_broken_configuration_beside_the_weights_is_reported(config: Path) -> None:
    logs = config.parent / "logs"
    (logs / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="has the names of the speakers trained in"):
        run(config, logs, max_steps=2)
    assert (logs / "config.json").read_text() == "{"
    (logs / "config.json").unlink()
    run(config, logs, max_steps=2)
    assert Config.read(logs / "config.json").speakers == {"anna": 0}


def test_pitch_ranges_of_removed_speakers_are_kept(config: Path) -> None:
    logs = config.parent / "logs"
    pitch = {"median_hz": 220.0, "low_hz": 150.0, "high_hz": 300.0}
    change(logs / "config.json", {"anna": 0, "mia": 1}, pitch={"mia": pitch})
    kept = with_trained_speakers(Config.read(config), logs, [0])
    assert kept.speakers == {"anna": 0, "mia": 1}
    assert kept.pitch["mia"].median_hz == 220


def rename_clips(folder: Path, name: str, only: tuple[str, ...] = ()) -> None:
    """Move clips of anna to the folder of another speaker."""
    target = folder / "dataset" / name
    target.mkdir()
    for path in sorted((folder / "dataset" / "anna").iterdir()):
        if not only or path.name.split(".")[0] in only:
            path.rename(target / path.name)
    for listed in ("train.txt", "val.txt"):
        lines = [Path(line) for line in (folder / listed).read_text().splitlines()]
        moved = [target / line.name if (target / line.name).exists() else line for line in lines]
        (folder / listed).write_text("".join(f"{line}\n" for line in moved))
