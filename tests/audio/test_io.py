"""Reading and writing of sound files: formats, damaged files, channels, sample formats, tags, atomic writes."""

from __future__ import annotations

import logging
import sys
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

import processes
from myna.audio.io import WRITABLE_SUFFIXES, SampleFormat, Tags, Writer, blocks, info, read
from myna.audio.resample import resample
from myna.errors import AudioError

RATE = 44100


def song(n_samples: int = 30001, rate: int = RATE) -> np.ndarray:
    time = np.arange(n_samples) / rate
    return (0.4 * np.sin(2 * np.pi * 330 * time) * np.sin(2 * np.pi * 1.5 * time)).astype(np.float32)


def encode(path: Path, codec: str, audio: np.ndarray, rate: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(audio[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


@pytest.mark.parametrize(
    ("name", "rate", "subtype", "tolerance"),
    [
        ("16 bit.wav", 44100, "PCM_16", 1e-4),
        ("24 bit.wav", 96000, "PCM_24", 1e-6),
        ("float.wav", 8000, "FLOAT", 0),
        ("8 bit.wav", 22050, "PCM_U8", 1e-2),
        ("lossless.flac", 48000, "PCM_24", 1e-6),
        ("Ärger/ひばり song.aiff", 44100, "PCM_16", 1e-4),
        ("lossy.ogg", 44100, "VORBIS", 0.05),
        ("lossy.opus", 48000, "OPUS", 0.05),
        ("lossy.mp3", 44100, "MPEG_LAYER_III", 0.05),
    ],
)
def test_every_format_decodes_to_the_written_audio(
    name: str, rate: int, subtype: str, tolerance: float, tmp_path: Path
) -> None:
    path, audio = tmp_path / name, song(rate=rate)
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, audio, rate, subtype, format="OGG" if path.suffix == ".opus" else None)
    decoded, decoded_rate = read(path)
    assert (decoded_rate, len(decoded), decoded.dtype) == (rate, len(audio), np.float32)
    assert np.abs(decoded - audio).max() <= tolerance
    assert (info(path).sample_rate, info(path).n_samples, info(path).n_channels) == (rate, len(audio), 1)


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.webm", "libopus"), ("a.mka", "flac")])
def test_formats_that_libsndfile_lacks_are_read_with_ffmpeg(name: str, codec: str, tmp_path: Path) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    audio = song(48000, 48000)
    if codec == "flac":
        soundfile.write(tmp_path / "plain.flac", audio, 48000)
        with av.open(str(tmp_path / "plain.flac")) as source, av.open(str(tmp_path / name), "w") as target:
            stream = target.add_stream_from_template(source.streams.audio[0])
            for packet in source.demux(audio=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
    else:
        encode(tmp_path / name, codec, audio, 48000)
    decoded, rate = read(tmp_path / name)
    assert rate == 48000
    assert abs(len(decoded) - len(audio)) < 2048  # an AAC frame or two of padding
    n = min(len(decoded), len(audio))
    assert np.corrcoef(decoded[:n], audio[:n])[0, 1] > 0.99


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = song(), -0.5 * song()
    soundfile.write(tmp_path / "stereo.wav", np.stack([left, right], 1), RATE, "FLOAT")
    np.testing.assert_allclose(read(tmp_path / "stereo.wav")[0], (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize(("rate", "target"), [(8000, 44100), (96000, 44100), (44100, 44100)])
def test_blocks_concatenate_to_the_whole(rate: int, target: int, tmp_path: Path) -> None:
    audio = song(70001, rate)
    soundfile.write(tmp_path / "song.wav", audio, rate, "FLOAT")
    pieces = list(blocks(tmp_path / "song.wav", target, 3000))
    assert {len(piece) for piece in pieces[:-1]} == {3000} and len(pieces[-1]) <= 3000
    np.testing.assert_array_equal(np.concatenate(pieces), resample(audio, rate, target))
    np.testing.assert_array_equal(np.concatenate(pieces), read(tmp_path / "song.wav", target)[0])


def surround(n_channels: int, n_samples: int = 30001) -> np.ndarray:
    """(C, N): each channel has its own pitch and level, up to full scale; the fourth, LFE, is low."""
    time = np.arange(n_samples) / RATE
    levels = np.linspace(1, 0.3, n_channels)[:, None]
    pitches = np.array([110, 220, 330, 55, 440, 550, 660, 770])[:n_channels, None]
    return (levels * np.sin(2 * np.pi * pitches * time)).astype(np.float32)


@pytest.mark.parametrize("n_channels", [1, 2, 6])
@pytest.mark.parametrize(
    ("suffix", "sample_format", "subtype", "steps"),
    [
        (".wav", None, "PCM_16", 2**15),
        (".wav", "int16", "PCM_16", 2**15),
        (".wav", "int24", "PCM_24", 2**23),
        (".wav", "float32", "FLOAT", None),
        (".flac", None, "PCM_16", 2**15),
        (".flac", "int16", "PCM_16", 2**15),
        (".flac", "int24", "PCM_24", 2**23),
    ],
)
def test_channels_are_read_as_written_to_the_last_bit(
    suffix: str, sample_format: SampleFormat | None, subtype: str, steps: int | None, n_channels: int, tmp_path: Path
) -> None:
    path, audio = tmp_path / f"song{suffix}", surround(n_channels)
    with Writer(path, RATE, channels=n_channels, sample_format=sample_format) as writer:
        for start in range(0, audio.shape[1], 7777):
            writer.write(audio[:, start : start + 7777])
    decoded, rate = read(path, mono=False)
    assert (rate, decoded.shape, decoded.dtype) == (RATE, audio.shape, np.float32)
    assert soundfile.info(path).subtype == subtype
    assert (info(path).n_channels, info(path).n_samples) == audio.shape
    if steps is None:
        np.testing.assert_array_equal(decoded, audio)
    else:  # one step for the top of the scale, which integers do not have
        assert np.abs(decoded - audio).max() <= 1 / steps
    if subtype == "PCM_24":  # copying changes nothing
        with Writer(tmp_path / f"copy{suffix}", RATE, channels=n_channels, sample_format="int24") as writer:
            writer.write(decoded)
        np.testing.assert_array_equal(read(tmp_path / f"copy{suffix}", mono=False)[0], decoded)


@pytest.mark.parametrize(("suffix", "n_channels"), [(".mp3", 2), (".ogg", 2), (".ogg", 3), (".ogg", 6), (".ogg", 8)])
def test_lossy_formats_keep_the_order_of_channels(suffix: str, n_channels: int, tmp_path: Path) -> None:
    path, audio = tmp_path / f"song{suffix}", surround(n_channels)
    with Writer(path, RATE, channels=n_channels) as writer:
        writer.write(audio)
    decoded, _ = read(path, mono=False)
    assert decoded.shape == audio.shape
    correlation = np.corrcoef(np.concatenate([audio, decoded]))[:n_channels, n_channels:]
    np.testing.assert_allclose(correlation, np.eye(n_channels), atol=0.05)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_other_programs_find_the_centre_and_the_bass_of_surround_sound(suffix: str, tmp_path: Path) -> None:
    path, audio = tmp_path / f"song{suffix}", surround(6)
    with Writer(path, RATE, channels=6) as writer:
        writer.write(audio)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        planar = av.AudioResampler(format="fltp", layout=stream.layout, rate=RATE)
        names = [channel.name for channel in stream.layout.channels]
        parts = [part.to_ndarray() for frame in container.decode(stream) for part in planar.resample(frame)]
    decoded = np.concatenate(parts, axis=1)[:, : audio.shape[1]]
    for index, name in enumerate(["FL", "FR", "FC", "LFE"]):
        assert np.corrcoef(decoded[names.index(name)], audio[index, : decoded.shape[1]])[0, 1] > 0.95


@pytest.mark.parametrize("layout", ["stereo", "5.1", "7.1"])
def test_channels_that_ffmpeg_decodes_are_in_the_same_order(layout: str, tmp_path: Path) -> None:
    audio = surround(av.AudioLayout(layout).nb_channels, 48000)
    with av.open(str(tmp_path / "song.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio.T).reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts = 48000, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    decoded, _ = read(tmp_path / "song.m4a", mono=False)
    mixed, _ = read(tmp_path / "song.m4a")
    assert len(decoded) == len(audio)
    np.testing.assert_allclose(mixed, decoded.mean(axis=0), atol=1e-6)
    correlation = np.corrcoef(np.concatenate([audio, decoded[:, : audio.shape[1]]]))[: len(audio), len(audio) :]
    assert list(np.abs(correlation).argmax(axis=1)) == list(range(len(audio)))


@pytest.mark.parametrize("n_channels", [2, 6])
@pytest.mark.parametrize("target", [RATE, 16000])
def test_mono_is_the_mean_of_the_channels_before_resampling(n_channels: int, target: int, tmp_path: Path) -> None:
    audio = surround(n_channels)
    soundfile.write(tmp_path / "song.wav", audio.T, RATE, "FLOAT")
    expected = resample(np.ascontiguousarray(audio.T).mean(axis=1), RATE, target)
    np.testing.assert_array_equal(read(tmp_path / "song.wav", target)[0], expected)


@pytest.mark.parametrize("target", [RATE, 48000])
def test_blocks_of_many_channels_are_each_channel_by_itself(target: int, tmp_path: Path) -> None:
    audio = surround(3)
    soundfile.write(tmp_path / "song.wav", audio.T, RATE, "FLOAT")
    pieces = list(blocks(tmp_path / "song.wav", target, 1000, mono=False))
    assert {piece.shape for piece in pieces[:-1]} == {(3, 1000)}
    for channel, decoded in zip(audio, np.concatenate(pieces, axis=1), strict=True):
        np.testing.assert_array_equal(decoded, resample(channel, RATE, target))


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(seconds: int) -> int:
        path, block = tmp_path / f"{seconds}.wav", surround(6, RATE)
        tracemalloc.start()
        with Writer(path, RATE, channels=6, sample_format="int24") as writer:
            for _ in range(seconds):
                writer.write(block)
        for _ in blocks(path, 48000, 48000, mono=False):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(12) < 1.1 * peak(4)


TAGS = Tags(
    title="노래", artist="Ánna & ひばり", album="Lieder", date="2024", genre="Pop", track_number="3", comment="by myna"
)


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_tags_are_read_as_written(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"song{suffix}"
    with Writer(path, RATE, channels=2, tags=TAGS) as writer:
        writer.write(surround(2))
    assert info(path).tags == TAGS
    with av.open(str(path)) as container:
        assert Tags.of({**container.metadata, **container.streams.audio[0].metadata}) == TAGS
    with Writer(path, RATE) as writer:
        writer.write(song())
    assert info(path).tags == Tags()


@pytest.mark.parametrize(
    ("name", "choices", "reason"),
    [
        ("song.flac", {"sample_format": "float32"}, r"\.flac stores int16, int24"),
        ("song.mp3", {"sample_format": "int16"}, r"\.mp3 stores its own compressed format"),
        ("song.mp3", {"channels": 6}, r"\.mp3 stores 1 to 2 channels"),
        ("song.wav", {"channels": 0}, "channels"),
    ],
)
def test_a_format_that_cannot_store_it_is_an_error(name: str, choices: dict, reason: str, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=reason):
        Writer(tmp_path / name, RATE, **choices)
    assert not list(tmp_path.iterdir())


def test_a_block_of_other_channels_than_the_file_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"2 channels .* \(3, 10\)"),
        Writer(tmp_path / "a.wav", RATE, channels=2) as writer,
    ):
        writer.write(np.zeros((3, 10), np.float32))


def test_float_beyond_full_scale_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Writer(tmp_path / "loud.wav", RATE, sample_format="float32") as writer:
        writer.write(np.array([0.5, 1.5, -1.5], np.float32))
    np.testing.assert_array_equal(read(tmp_path / "loud.wav")[0], np.array([0.5, 1.5, -1.5], np.float32))
    assert not caplog.text


def bad_file(kind: str, folder: Path) -> Path:
    path = folder / "bad.wav"
    if kind == "text":
        path.write_text("these are\nthe lyrics\n" * 20)
    elif kind == "page":
        path.write_text("<!DOCTYPE html>\n<html>404</html>")
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(50000))
    elif kind == "pointer":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n")
    elif kind == "no bytes":
        path.touch()
    elif kind == "no samples":
        soundfile.write(path, np.zeros(0), RATE)
    elif kind == "folder":
        path.mkdir()
    elif kind in ("nan", "inf"):
        audio = np.zeros((9000, 2))
        audio[4410, 1] = float(kind)
        soundfile.write(path, audio, RATE, "FLOAT")
    elif kind == "start of a FLAC":
        soundfile.write(folder / "whole.flac", song(), RATE)
        path.write_bytes((folder / "whole.flac").read_bytes()[:60])
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("absent", "no file"),
        ("folder", "not a file"),
        ("text", "text"),
        ("page", "text"),
        ("noise", "not sound"),
        ("pointer", "Git LFS"),
        ("no bytes", "empty"),
        ("no samples", "no samples"),
        ("nan", "NaN.* at 0.100 s"),
        ("inf", "NaN.* at 0.100 s"),
        ("start of a FLAC", "not sound"),
    ],
)
def test_files_without_audio_give_a_one_line_error(kind: str, reason: str, tmp_path: Path) -> None:
    path = bad_file(kind, tmp_path)
    with pytest.raises(AudioError, match=reason) as caught:
        read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3"])
def test_a_truncated_file_is_read_up_to_its_end_with_a_warning(
    suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audio = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype(np.float32)
    soundfile.write(tmp_path / f"whole{suffix}", audio, RATE)
    encoded = (tmp_path / f"whole{suffix}").read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(encoded[: len(encoded) // 2])
    with caplog.at_level(logging.WARNING):
        decoded, _ = read(tmp_path / f"cut{suffix}")
    assert 0.7 * RATE < len(decoded) <= 1.01 * RATE
    assert "cut" in caplog.text and ("truncated" in caplog.text or "damaged" in caplog.text)


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_audio_written_in_blocks_has_the_same_length_when_read(suffix: str, tmp_path: Path) -> None:
    audio, path = song(100_001), tmp_path / "new folder" / f"Lied für Anna{suffix}"
    with Writer(path, RATE) as writer:
        for start in range(0, len(audio), 7777):
            writer.write(audio[start : start + 7777])
        assert not path.exists()
    decoded, rate = read(path)
    assert rate == RATE and len(decoded) == len(audio)
    assert np.abs(decoded - audio).max() < (0.05 if suffix in (".mp3", ".ogg") else 1e-4)
    assert list(path.parent.iterdir()) == [path]


def test_samples_beyond_full_scale_are_clipped_not_wrapped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Writer(tmp_path / "loud.wav", RATE) as writer:
        writer.write(np.array([0.5, 1.5, -1.5], np.float32))
    np.testing.assert_allclose(read(tmp_path / "loud.wav")[0], [0.5, 1, -1], atol=1e-4)
    assert "2 samples" in caplog.text


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_an_error_only_the_previous_file_remains(error: type, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(b"previous")
    with pytest.raises(error), Writer(path, RATE) as writer:
        writer.write(song())
        raise error
    assert path.read_bytes() == b"previous"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"\.wav, \.flac, \.mp3, \.ogg"):
        Writer(tmp_path / "song.xyz", RATE)
    with pytest.raises(AudioError, match="sample rates"):
        Writer(tmp_path / "song.mp3", 96001).__enter__()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_a_full_disk_leaves_no_partial_file(suffix: str, tmp_path: Path) -> None:
    script = f"""
import resource, signal, numpy
from myna.audio.io import Writer
from myna.errors import AudioError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    with Writer({str(tmp_path / ("song" + suffix))!r}, 44100) as writer:
        writer.write(numpy.random.default_rng(0).normal(0, 0.1, 441000).astype("float32"))
except AudioError as error:
    print(error)
"""
    done = processes.run([sys.executable, "-c", script], check=True)
    assert "cannot write" in done.stdout and done.stdout.count("\n") == 1
    assert not list(tmp_path.iterdir())
