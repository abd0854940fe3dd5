"""`svc inspect` with sounds: which of them are marked as synthetic, and on which sign this rests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result

from myna.apps.cli import svc
from myna.assets import BUNDLED_SONG
from myna.audio.io import Tags, Writer, read
from myna.audio.marking.embedding import marked

GOLDEN = Path(__file__).parents[1] / "golden" / "fork" / "quickvc-istft"


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(svc, list(map(str, arguments)))


def sounds(*arguments: Any) -> list[dict[str, Any]]:
    done = CliRunner().invoke(svc, ["inspect", "--json", *map(str, arguments)])
    assert done.exit_code == 0
    return json.loads(done.stdout)["sounds"]


@pytest.fixture(scope="module")
def song() -> tuple[np.ndarray, int]:
    return read(BUNDLED_SONG)


def write(path: Path, audio: np.ndarray, rate: int, tags: Tags | None = None) -> Path:
    with Writer(path, rate, tags=tags) as writer:
        writer.write(audio)
    return path


def encode(path: Path, audio: np.ndarray, rate: int, codec: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        frame = av.AudioFrame.from_ndarray(audio[None], "fltp", "mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path


def test_a_sound_is_marked_by_its_tags_or_by_the_sound_itself(song: tuple[np.ndarray, int], tmp_path: Path) -> None:
    audio, rate = song
    with_mark = np.concatenate(list(marked([audio], rate)))
    tags = Tags(comment="AI-generated")
    plain, tagged, heard = sounds(
        write(tmp_path / "plain.wav", audio, rate),
        write(tmp_path / "tagged.mp3", audio, rate, tags),
        write(tmp_path / "marked.ogg", with_mark, rate),
    )
    assert not plain["synthetic"] and not plain["tags"] and not plain["mark"]["found"] and plain["manifest"] is None
    assert tagged["synthetic"] and tagged["tags"] == ["AI-generated"] and not tagged["mark"]["found"]
    assert heard["synthetic"] and not heard["tags"] and heard["mark"]["found"]
    assert heard["mark"]["score"] > heard["mark"]["threshold"] > plain["mark"]["score"]
    assert heard["mark"]["chance"] < 1e-9 < plain["mark"]["chance"]


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.mp4", "aac"), ("a.webm", "libopus")])
def test_the_mark_is_found_in_files_of_other_programs(name: str, codec: str, tmp_path: Path) -> None:
    audio = read(BUNDLED_SONG, 48000)[0]
    with_mark = np.concatenate(list(marked([audio], 48000)))
    (sound,) = sounds(encode(tmp_path / name, with_mark, 48000, codec))
    assert sound["mark"]["found"]


def test_the_result_for_people(song: tuple[np.ndarray, int], tmp_path: Path) -> None:
    audio, rate = song
    path = write(
        tmp_path / "sung.wav", np.concatenate(list(marked([audio], rate))), rate, Tags(comment="synthetic voice")
    )
    shown = run("inspect", path, BUNDLED_SONG, GOLDEN / "G_3.pth")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert f"{path}: a sound of 9.1 s, marked as synthetic" in lines
    assert "  tags         synthetic voice" in lines
    assert any(line.startswith("  mark         in the sound from 0 to 9 s (score ") for line in lines)
    assert f"{BUNDLED_SONG}: a sound of 9.1 s, not marked as synthetic" in lines
    assert any(line.startswith("  mark         none in the sound (score ") for line in lines)
    assert any("a voice of" in line for line in lines)


def test_a_file_that_is_no_sound_fails_and_the_others_are_shown(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    done = run("inspect", "--json", tmp_path / "empty.wav", BUNDLED_SONG)
    assert done.exit_code != 0
    shown = json.loads(done.stdout)
    assert len(shown["sounds"]) == 1 and "is empty" in shown["failed"][0]


def test_a_hostile_tag_does_not_control_the_terminal(tmp_path: Path) -> None:
    tags = Tags(comment="AI-generated\x1b[2J\n  mark         none")
    path = write(tmp_path / "a.flac", np.zeros(8000, np.float32), 16000, tags)
    shown = run("inspect", path)
    assert "\x1b" not in shown.output
    assert sum(line.startswith("  mark") for line in shown.output.splitlines()) == 1
