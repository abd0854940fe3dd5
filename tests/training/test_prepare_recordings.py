"""Recordings of any format become clips of their speaker; other files are reported and change nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from myna.audio.io import info, read
from myna.audio.preparation import without_rumble
from myna.errors import AudioError, ConfigError
from myna.options import ResampleOptions
from myna.training.prepare.pool import count_jobs, map_unordered
from myna.training.prepare.recordings import ResampleSummary, _plan_clips, resample_recordings

RATE = 44100


def voice(seconds: float, f0_hz: float = 220.0, rate: int = RATE, level: float = 0.3) -> np.ndarray:
    """A tone with overtones and vibrato."""
    t = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * f0_hz * (t + 0.0001 * np.sin(2 * np.pi * 5 * t))
    tone = sum(np.sin(k * phase) / k for k in range(1, 5))
    return (level * tone / np.abs(tone).max()).astype(np.float32)


def save(path: Path, audio: np.ndarray, rate: int = RATE, **settings: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate, **settings)
    return path


def pitch_of(path: Path) -> float:
    audio, rate = read(path)
    return float(np.abs(np.fft.rfft(audio * np.hanning(len(audio)))).argmax() * rate / len(audio))


def clip_names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.wav"))


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("dataset_raw").mkdir()
    return Path("dataset_raw")


def resample(raw: Path, n_jobs: int = 1, **options: float) -> ResampleSummary:
    return resample_recordings(raw, Path("dataset/44k"), ResampleOptions(**options), n_jobs=n_jobs)


def test_every_format_rate_and_channel_count_becomes_mono_16_bit_at_full_level(raw: Path) -> None:
    save(raw / "Anna" / "stereo.wav", np.stack([voice(1), 0.5 * voice(1)], axis=1))
    save(raw / "Anna" / "24 bit.wav", voice(1, rate=96000), 96000, subtype="PCM_24")
    save(raw / "Anna" / "float.wav", voice(1, rate=8000), 8000, subtype="FLOAT")
    save(raw / "Anna" / "sub" / "lossless.FLAC", voice(1, rate=22050), 22050, format="FLAC")
    save(raw / "김 철수" / "노래" / "été.ogg", voice(1, rate=48000), 48000)
    summary = resample(raw)
    assert (summary.n_speakers, summary.n_recordings, summary.n_clips, summary.failed) == (2, 5, 5, ())
    assert summary.seconds == pytest.approx(5, abs=0.01)
    clips = clip_names(Path("dataset/44k"))
    assert clips == ["Anna/24 bit.wav", "Anna/float.wav", "Anna/lossless.wav", "Anna/stereo.wav", "김 철수/été.wav"]
    for clip in clips:
        header = soundfile.info(Path("dataset/44k") / clip)
        assert (header.samplerate, header.channels, header.subtype) == (RATE, 1, "PCM_16")
        audio, _ = read(Path("dataset/44k") / clip)
        assert np.abs(audio).max() == pytest.approx(1, abs=1e-3)
        assert len(audio) == pytest.approx(RATE, abs=1)


def test_stray_files_are_reported_and_do_not_change_speakers(raw: Path) -> None:
    """so-vits-svc-fork writes bob's recording under alice's name where a .DS_Store lies beside the folders."""
    (raw / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (raw / "README.md").write_text("my singers")
    save(raw / "zulu.wav", voice(1))
    save(raw / "alice" / "song.wav", voice(1, 300))
    (raw / "alice" / "._song.wav").write_bytes(b"\0\5\x16\7")
    (raw / "alice" / "lyrics.txt").write_text("la la")
    save(raw / "bob" / "song.wav", voice(1, 120))
    (raw / "nobody").mkdir()
    summary = resample(raw)
    assert clip_names(Path("dataset/44k")) == ["alice/song.wav", "bob/song.wav"]
    assert pitch_of(Path("dataset/44k/alice/song.wav")) == pytest.approx(300, abs=3)
    assert pitch_of(Path("dataset/44k/bob/song.wav")) == pytest.approx(120, abs=3)
    named = "\n".join(summary.ignored)
    for stray in (".DS_Store", "README.md", "zulu.wav", "._song.wav", "lyrics.txt", "nobody"):
        assert stray in named
    assert not summary.failed


def test_bad_recordings_are_reported_and_the_others_are_processed(raw: Path) -> None:
    folder = raw / "anna"
    save(folder / "good.wav", voice(1))
    (folder / "text.wav").write_text("this is not a sound, it only claims to be one")
    (folder / "empty.mp3").touch()
    save(folder / "silent.wav", np.zeros(RATE, np.float32))
    save(folder / "hum.wav", voice(1, 50, level=3e-4))
    save(folder / "10 ms.wav", voice(0.01))
    with_nan = voice(1)
    with_nan[RATE // 2] = np.nan
    save(folder / "nan.wav", with_nan, subtype="FLOAT")
    whole = save(folder / "truncated.wav", voice(2)).read_bytes()
    (folder / "truncated.wav").write_bytes(whole[: len(whole) // 2])
    summary = resample(raw)
    assert clip_names(Path("dataset/44k")) == ["anna/good.wav"]
    reasons = {
        "text.wav": "text, not audio",
        "empty.mp3": "empty",
        "silent.wav": "silent",
        "hum.wav": "silent",
        "10 ms.wav": "too short: 0.01 s; the minimum is 0.3 s",
        "nan.wav": "contains NaN or infinity at 0.500 s",
        "truncated.wav": "truncated after 1.00 s",
    }
    assert len(summary.failed) == len(reasons)
    for name, reason in reasons.items():
        (line,) = [line for line in summary.failed if name in line]
        assert reason in line


@pytest.mark.parametrize("files", [(), ("a.wav",), ("anna/notes.txt",), ("44k/anna/a.wav",)])
def test_without_recordings_the_error_explains_the_layout(raw: Path, files: tuple[str, ...]) -> None:
    for name in files:
        save(raw / name, voice(0.5)) if name.endswith(".wav") else save(raw / "x.wav", voice(0.5)).rename(raw / "x")
    with pytest.raises(AudioError, match=r"NAME|move its speakers' folders"):
        resample(raw)
    with pytest.raises(AudioError, match="there are no recordings in nowhere; put"):
        resample_recordings(Path("nowhere"), Path("dataset/44k"))


def test_without_recordings_the_error_names_what_is_there(raw: Path) -> None:
    (raw / "anna").mkdir(parents=True)
    (raw / "anna" / "notes.txt").touch()
    with pytest.raises(AudioError, match=r"there are no recordings in .* \(.*notes\.txt is not audio\); put"):
        resample(raw)


def test_recordings_of_one_name_have_different_and_stable_clip_names(raw: Path) -> None:
    pitches = {"a/take.wav": 110, "b/take.wav": 150, "b/take.flac": 200, "take_000.wav": 260, "Take.ogg": 330}
    for name, f0_hz in pitches.items():
        save(raw / "anna" / name, voice(0.5, f0_hz))
    resample(raw)
    clips = clip_names(Path("dataset/44k/anna"))
    assert len({clip.casefold() for clip in clips}) == len(pitches)
    measured = {clip: pitch_of(Path("dataset/44k/anna") / clip) for clip in clips}
    assert sorted(measured.values()) == pytest.approx(sorted(pitches.values()), abs=3)
    assert "take_000.wav" in clips
    before = {clip: (Path("dataset/44k/anna") / clip).read_bytes() for clip in clips}

    save(raw / "anna" / "0" / "take.wav", voice(0.5, 440))
    summary = resample(raw)
    assert (summary.n_kept, summary.n_recordings) == (5, 6)
    for clip, content in before.items():
        assert (Path("dataset/44k/anna") / clip).read_bytes() == content


# librosa 0.10.2, effects.trim, on the same noise: seconds and dB of each part, top_db, frame, hop, start, end.
LIBROSA = [
    ([(2.0, -70), (3.0, -12), (2.5, -70)], 30, 1.0, 0.3, 39690, 125685),
    ([(2.0, -70), (3.0, -12), (2.5, -70)], 20, 0.1, 0.05, 44080, 112404),
    ([(0.4, -60), (1.0, -10), (0.1, -60)], 30, 1.0, 0.3, 0, 33075),
    ([(0.4, -60), (1.0, -10), (0.1, -60)], 20, 0.1, 0.05, 8816, 31958),
    ([(5, -80), (1, -30), (1, -12), (4, -45)], 30, 1.0, 0.3, 105840, 165375),
    ([(5, -80), (1, -30), (1, -12), (4, -45)], 20, 0.1, 0.05, 111302, 156484),
    ([(1.5, -36), (2, -12), (1.5, -36)], 20, 0.1, 0.05, 33060, 79344),
]


@pytest.mark.parametrize(("parts", "top_db", "frame", "hop", "start", "end"), LIBROSA)
def test_silence_is_trimmed_where_the_predecessor_trims(
    tmp_path: Path, parts: list[tuple[float, float]], top_db: float, frame: float, hop: float, start: int, end: int
) -> None:
    rng = np.random.default_rng(5)
    noise = [rng.standard_normal(int(seconds * 22050)) * 10 ** (db / 20) for seconds, db in parts]
    path = save(tmp_path / "a.wav", np.concatenate(noise).astype(np.float32), 22050, subtype="FLOAT")
    options = ResampleOptions(sample_rate=22050, top_db=top_db, frame_seconds=frame, hop_seconds=hop)
    ranges, _ = _plan_clips(path, options)
    # Levels are measured every 10 ms; with hops that short, the neighbouring frame may be chosen.
    tolerance = 8 if hop > 0.1 else hop * 22050
    assert ranges == [(pytest.approx(start, abs=tolerance), pytest.approx(end, abs=tolerance))]


def phrases(seconds: float) -> np.ndarray:
    """Phrases of 3 to 5 s with rests of 0.4 s."""
    rng = np.random.default_rng(3)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < seconds * RATE:
        parts += [voice(rng.uniform(3, 5), rng.uniform(150, 400)), np.zeros(round(0.4 * RATE), np.float32)]
    return np.concatenate(parts)[: round(seconds * RATE)]


def test_long_recordings_are_cut_in_their_rests(raw: Path) -> None:
    song = phrases(40)
    save(raw / "anna" / "song.wav", song)
    summary = resample(raw)
    clips = clip_names(Path("dataset/44k/anna"))
    assert clips == [f"song_{i:03d}.wav" for i in range(len(clips))]
    assert summary.n_clips == len(clips) >= 3
    seconds = [info(Path("dataset/44k/anna") / clip).seconds for clip in clips]
    assert max(seconds) <= 15
    assert min(seconds) >= 15 / 4
    assert sum(seconds) == pytest.approx(summary.seconds) == pytest.approx(40, abs=1)
    pieces = [read(Path("dataset/44k/anna") / clip)[0] for clip in clips]
    for left, right in pairwise(pieces):
        assert np.abs(left[-RATE // 50 :]).max() < 1e-3
        assert np.abs(right[: RATE // 50]).max() < 1e-3
    # One gain for the whole recording, not one for each clip.
    joined, prepared = np.concatenate(pieces), np.concatenate(list(without_rumble([song], RATE)))
    assert np.abs(joined - prepared[: len(joined)] / np.abs(prepared).max()).max() < 1e-3

    resample(raw, max_clip_seconds=0)
    assert clip_names(Path("dataset/44k/anna")) == ["song.wav"]
    assert info(Path("dataset/44k/anna/song.wav")).seconds == pytest.approx(40, abs=0.5)


def test_long_silence_within_a_recording_is_removed(raw: Path) -> None:
    save(raw / "anna" / "song.wav", np.concatenate([voice(5), np.zeros(60 * RATE, np.float32), voice(5)]))
    summary = resample(raw)
    assert 10 <= summary.seconds < 25
    for clip in clip_names(Path("dataset/44k/anna")):
        assert np.abs(read(Path("dataset/44k/anna") / clip)[0]).max() > 0.9


def test_only_new_and_changed_recordings_are_processed_again(raw: Path) -> None:
    for name in ("a", "b"):
        save(raw / "anna" / f"{name}.wav", voice(1))
    assert resample(raw).n_kept == 0
    clip = Path("dataset/44k/anna/a.wav")
    os.utime(clip, (1, 1))
    assert resample(raw).n_kept == 2
    assert clip.stat().st_mtime == 1

    save(raw / "anna" / "b.wav", voice(2))
    summary = resample(raw)
    assert (summary.n_kept, summary.n_clips) == (1, 2)
    assert info("dataset/44k/anna/b.wav").seconds == pytest.approx(2, abs=0.01)

    clip.unlink()
    assert resample(raw).n_kept == 1
    assert clip.is_file()
    assert resample(raw, top_db=40).n_kept == 0


def test_replaced_clips_are_removed_with_their_features_and_nothing_else_is(raw: Path) -> None:
    save(raw / "anna" / "song.wav", phrases(20))
    resample(raw)
    folder = Path("dataset/44k/anna")
    mine = save(folder / "song_777.wav", voice(1))
    (folder / "song_000.wav.features.safetensors").touch()
    resample(raw, max_clip_seconds=0)
    assert clip_names(folder) == ["song.wav", "song_777.wav"]
    assert mine.is_file()
    assert not list(folder.glob("*.safetensors"))

    (raw / "anna" / "song.wav").rename(raw / "anna" / "other.wav")
    summary = resample(raw)
    assert any("song.wav was deleted" in line for line in summary.orphaned)
    assert (folder / "song.wav").is_file()


class Stopped(Exception):
    pass


def test_interrupted_work_continues(raw: Path) -> None:
    for i in range(4):
        save(raw / "anna" / f"{i}.wav", phrases(18) if i == 0 else voice(1))

    def stop_after_two(
        items: Iterable[object], *, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[object]:
        for n, item in enumerate(items):
            yield item
            if n == 1:
                raise Stopped

    with pytest.raises(Stopped):
        resample_recordings(raw, Path("dataset/44k"), n_jobs=1, progress=stop_after_two)
    # As after a kill in the middle of a line, and of the third recording with its old clips in place.
    with Path("dataset/44k/anna/.recordings.jsonl").open("a") as file:
        file.write('{"source": "dataset_raw/anna/2')
    save(Path("dataset/44k/anna/2_000.wav"), voice(1))
    left_over = Path("dataset/44k/anna/.myna-17.part/2_001.wav")
    left_over.parent.mkdir()
    left_over.touch()
    summary = resample(raw)
    assert (summary.n_kept, summary.n_recordings) == (2, 4)
    assert clip_names(Path("dataset/44k/anna")) == ["0_000.wav", "0_001.wav", "1.wav", "2.wav", "3.wav"]
    assert not [path for path in Path("dataset/44k/anna").iterdir() if path.suffix == ".part"]
    lines = Path("dataset/44k/anna/.recordings.jsonl").read_text().splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["0", "1", "2", "3"]


def test_processes_give_the_same_clips_as_one(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        save(raw / "anna" / f"{i}.wav", voice(1, 200 + i))
    (raw / "anna" / "bad.wav").write_text("no sound at all, but text")
    alone = resample(raw)
    folder = Path("dataset/44k/anna")
    before = {clip: (folder / clip).read_bytes() for clip in clip_names(folder)}
    for clip in before:
        (folder / clip).unlink()
    monkeypatch.setattr("myna.training.prepare.recordings._BYTES_PER_JOB", 1)
    assert resample(raw, n_jobs=2) == alone
    assert {clip: (folder / clip).read_bytes() for clip in clip_names(folder)} == before


def test_an_error_in_a_process_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_unordered((1).__floordiv__, [1, 0], 2))


def test_jobs_are_counted_as_in_the_predecessors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.training.prepare.pool.n_cores", lambda: 8)
    assert [count_jobs(n) for n in (-1, -2, -100, 3)] == [8, 7, 1, 3]
    with pytest.raises(ConfigError, match="-1 for one per core"):
        count_jobs(0)


def with_breaths(seconds: float) -> np.ndarray:
    """A note with a fade at both ends, between two pauses of a second."""
    fade = np.minimum(np.linspace(0, 10, round(seconds * RATE)), 1) * np.minimum(
        np.linspace(10, 0, round(seconds * RATE)), 1
    )
    rest = np.zeros(RATE, np.float32)
    return np.concatenate([rest, voice(seconds) * fade.astype(np.float32), rest])


@pytest.mark.parametrize("kind", ["offset", "rumble"])
def test_offset_and_rumble_change_neither_the_level_nor_the_trimming(kind: str, raw: Path) -> None:
    song = with_breaths(3)
    time = np.arange(len(song)) / RATE
    disturbed = song + (0.3 if kind == "offset" else 0.2 * np.sin(2 * np.pi * 11 * time))
    save(raw / "anna" / "clean.wav", song, subtype="FLOAT")
    save(raw / "anna" / "disturbed.wav", disturbed, subtype="FLOAT")
    resample(raw)
    clean, _ = read(Path("dataset/44k/anna/clean.wav"))
    result, _ = read(Path("dataset/44k/anna/disturbed.wav"))
    assert len(result) == len(clean) < len(song)
    assert np.abs(result).max() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(result, clean, atol=2e-3)
