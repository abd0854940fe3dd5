"""Files of any format become two stems of the same rate and length that add up to the song, or nothing remains."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from myna.audio import io, writing
from myna.audio.stereo import at_most_stereo
from myna.errors import AudioError, ConfigError
from myna.song.separation.interface import Stems
from myna.song.separation.levels import StemMeter
from myna.song.separation.separate import SeparationSummary, separate, separate_file

RATE = 44100


class Half:
    """Separator for which half of each sample is vocals, except that it needs some time to begin."""

    name = identity = "half"
    sample_rate = RATE

    def vocals(self, song: Iterable[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
        blocks = list(song)
        assert {len(block) for block in blocks} == {2}
        assert sum(block.shape[1] for block in blocks) == n_samples
        for block in blocks:
            yield block / 2


def music(seconds: float, rate: int, n_channels: int) -> np.ndarray:
    """Tones below 3 kHz, (N, C), other ones in each channel."""
    t = np.arange(round(seconds * rate)) / rate
    return np.stack([0.1 * np.sin(2 * np.pi * 200 * (k + 1) * t + k) for k in range(n_channels)], axis=1)


def stems(tmp_path: Path, song: Path) -> tuple[SeparationSummary, np.ndarray, np.ndarray]:
    places = tmp_path / "vocals.wav", tmp_path / "accompaniment.wav"
    summary = separate_file(song, *places, Half())
    assert [soundfile.info(place).subtype for place in places] == ["FLOAT", "FLOAT"]
    return summary, *(io.read(place, mono=False)[0] for place in places)


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 44100, 48000, 192000])
def test_the_stems_have_the_rate_the_length_and_the_sum_of_the_song(rate: int, n_channels: int, tmp_path: Path) -> None:
    song = music(2.3, rate, n_channels)
    soundfile.write(tmp_path / "song.wav", song, rate, subtype="FLOAT")
    summary, vocals, accompaniment = stems(tmp_path, tmp_path / "song.wav")
    assert (summary.sample_rate, summary.n_channels, summary.seconds) == (rate, n_channels, len(song) / rate)
    assert vocals.shape == accompaniment.shape == song.T.shape
    assert np.abs(vocals + accompaniment - song.T).max() < 1e-5
    inside = slice(rate // 10, -rate // 10)
    assert np.abs(vocals[:, inside] - song.T[:, inside] / 2).max() < 1e-3


def test_surround_sound_is_mixed_to_stereo_with_the_centre_on_both_sides(tmp_path: Path) -> None:
    song = music(1, RATE, 6)
    soundfile.write(tmp_path / "song.wav", song, RATE, subtype="FLOAT", format="WAVEX")
    summary, vocals, accompaniment = stems(tmp_path, tmp_path / "song.wav")
    assert (summary.song_channels, summary.n_channels) == (6, 2)
    left, right, centre, _, back_left, back_right = song.T
    expected = np.stack([left + 0.5**0.5 * (centre + back_left), right + 0.5**0.5 * (centre + back_right)])
    assert np.abs(vocals + accompaniment - expected).max() < 1e-5


@pytest.mark.parametrize("n_channels", [3, 4, 5, 6, 7, 8])
def test_every_layout_is_symmetrical(n_channels: int) -> None:
    shares = at_most_stereo(np.eye(n_channels, dtype=np.float32))
    assert sorted(shares[0]) == sorted(shares[1])
    assert (shares.sum(0) == 0).sum() == (n_channels > 5)  # the LFE


def test_more_channels_than_loudspeakers_are_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", music(1, 8000, 9), 8000)
    with pytest.raises(AudioError, match=r"song\.wav has 9 channels"):
        stems(tmp_path, tmp_path / "song.wav")
    with pytest.raises(ValueError, match="9 channels"):
        at_most_stereo(np.zeros((9, 10), np.float32))


def test_the_sound_of_a_video_is_separated(tmp_path: Path) -> None:
    samples = (music(1, RATE, 1).T * 32767).astype(np.int16)
    with av.open(tmp_path / "clip.mkv", "w") as container:
        picture = container.add_stream("mpeg4", rate=10, width=32, height=32)
        picture.pix_fmt = "yuv420p"
        sound = container.add_stream("flac", rate=RATE, layout="mono")
        image = av.VideoFrame(32, 32, "yuv420p")
        heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        heard.sample_rate, heard.pts, image.pts = RATE, 0, 0
        packets = [*picture.encode(image), *picture.encode(None), *sound.encode(heard), *sound.encode(None)]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    _, vocals, accompaniment = stems(tmp_path, tmp_path / "clip.mkv")
    assert np.abs(vocals + accompaniment - samples / 32768).max() < 1e-4


def test_samples_beyond_full_scale_are_kept(tmp_path: Path) -> None:
    song = 40 * music(1, RATE, 2)
    soundfile.write(tmp_path / "song.wav", song, RATE, subtype="FLOAT")
    _, vocals, accompaniment = stems(tmp_path, tmp_path / "song.wav")
    assert np.abs(vocals).max() > 1.9
    assert np.abs(vocals + accompaniment - song.T).max() < 1e-5


@pytest.mark.parametrize(
    ("content", "reason"),
    [(np.zeros((RATE, 2)), "song.wav is silent"), (b"lyrics", "song.wav is text"), (None, "there is no file")],
)
def test_a_file_that_cannot_be_separated_gives_one_line(content: Any, reason: str, tmp_path: Path) -> None:
    if isinstance(content, bytes):
        (tmp_path / "song.wav").write_bytes(content)
    elif content is not None:
        soundfile.write(tmp_path / "song.wav", content, RATE)
    with pytest.raises(AudioError, match=reason):
        stems(tmp_path, tmp_path / "song.wav")
    assert not (tmp_path / "vocals.wav").exists()


def test_a_stem_that_exists_is_not_replaced(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", music(1, RATE, 1), RATE)
    (tmp_path / "accompaniment.wav").write_text("mine")
    with pytest.raises(ConfigError, match=r"accompaniment\.wav exists already"):
        stems(tmp_path, tmp_path / "song.wav")
    assert (tmp_path / "accompaniment.wav").read_text() == "mine"
    assert not (tmp_path / "vocals.wav").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_after_an_interruption_nothing_remains(error: type[BaseException], tmp_path: Path) -> None:
    class Interrupted(Half):
        def vocals(self, song: Iterable[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
            yield from list(super().vocals(song, n_samples))[:2]
            raise error

    soundfile.write(tmp_path / "song.wav", music(5, RATE, 1), RATE)
    with pytest.raises(error):
        separate_file(tmp_path / "song.wav", tmp_path / "vocals.wav", tmp_path / "accompaniment.wav", Interrupted())
    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_if_the_disk_is_full_for_the_second_stem_the_first_does_not_remain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = io.Writer._finish

    def full(writer: io.Writer) -> None:
        if writer.path.name == "vocals.wav":  # the last to be completed
            assert (tmp_path / "accompaniment.wav").exists()
            raise OSError(28, "No space left on device")
        finish(writer)

    monkeypatch.setattr(io.Writer, "_finish", full)
    soundfile.write(tmp_path / "song.wav", music(1, RATE, 1), RATE)
    with pytest.raises(AudioError, match=r"cannot write .*vocals.wav: No space left"):
        stems(tmp_path, tmp_path / "song.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_a_stem_of_more_than_4_gib_has_a_header_with_64_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_LARGEST_WAV", 4 * RATE)
    soundfile.write(tmp_path / "song.wav", music(1.5, RATE, 1), RATE)
    _, vocals, _ = stems(tmp_path, tmp_path / "song.wav")
    assert soundfile.info(tmp_path / "vocals.wav").format == "RF64" and vocals.shape[1] == 1.5 * RATE


def test_a_song_in_memory_gives_the_same_as_its_file(tmp_path: Path) -> None:
    song = music(2, 22050, 2)
    soundfile.write(tmp_path / "song.wav", song, 22050, subtype="FLOAT")
    _, vocals, accompaniment = stems(tmp_path, tmp_path / "song.wav")
    found = separate(song.T.astype(np.float32), 22050, Half())
    np.testing.assert_allclose(found.vocals, vocals, atol=1e-7)
    np.testing.assert_allclose(found.accompaniment, accompaniment, atol=1e-7)
    assert separate(song[:, 0].astype(np.float32), 22050, Half()).vocals.shape == (1, len(song))


def test_vocals_in_a_tenth_of_the_song_are_found() -> None:
    tone = music(1, RATE, 1).T.astype(np.float32)

    def levels(*vocal_gains: float) -> tuple[bool, bool]:
        meter = StemMeter()
        for gain in vocal_gains:
            meter.add(Stems(np.roll(tone, 30) * np.float32(gain), tone))
        found = meter.levels()
        return found.has_vocals, found.has_accompaniment

    assert levels(*[0.0] * 10) == levels(*[0.05] * 10) == (False, True)
    assert levels(*[0.0] * 17, 0.7, 0.7, 0.7) == levels(*[0.7] * 10) == (True, True)
    assert levels(*[100.0] * 10) == (True, False)


def test_memory_does_not_grow_with_the_song(tmp_path: Path) -> None:
    class Streaming(Half):
        def vocals(self, song: Iterable[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
            return (block / 2 for block in song)

    def peak(seconds: int) -> int:
        soundfile.write(tmp_path / f"{seconds}.wav", np.tile(music(1, 8000, 2), (seconds, 1)), 8000)
        tracemalloc.start()
        separate_file(tmp_path / f"{seconds}.wav", *(tmp_path / f"{seconds}{stem}.wav" for stem in "va"), Streaming())
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)
    assert peak(40) < 1.1 * peak(10)
