"""Reading and writing of audio files: formats, damaged files, channels, sample formats, tags, atomic writes."""

from __future__ import annotations

import logging
import sys
import tracemalloc
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

import processes
from myna.audio.io import (
    WRITABLE_SUFFIXES,
    Picture,
    SampleFormat,
    Tags,
    Writer,
    blocks,
    info,
    read,
    read_picture,
    storable_rate,
)
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
    left, right = song(), 0.5 * song()
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


def drawn(kind: str) -> Picture:
    """A picture of 30 by 20 pixels."""
    stored = BytesIO()
    Image.new("RGB", (30, 20), (200, 30, 30)).save(stored, kind)
    return Picture(stored.getvalue(), {"JPEG": "mjpeg", "PNG": "png"}[kind], 30, 20)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_a_picture_is_stored_beside_the_tags_and_does_not_change_the_sound(
    suffix: str, kind: str, tmp_path: Path
) -> None:
    paths = tmp_path / f"plain{suffix}", tmp_path / f"a:b 노래{suffix}"
    for path, picture in zip(paths, (None, drawn(kind)), strict=True):
        with Writer(path, RATE, channels=2, tags=TAGS, picture=picture) as writer:
            writer.write(surround(2))
    np.testing.assert_array_equal(read(paths[0], mono=False)[0], read(paths[1], mono=False)[0])
    assert info(paths[1]).tags == TAGS
    assert read_picture(paths[0]) is None
    assert read_picture(paths[1]) == (None if suffix in (".wav", ".ogg") else drawn(kind))
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_picture_of_over_16_mb_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="17 MB"):
        Picture(bytes(1 << 24), "png", 30, 20)
    (tmp_path / "text.mp3").write_text("words")
    assert read_picture(tmp_path / "text.mp3") is None


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4a"])
def test_odd_tags_are_stored(suffix: str, tmp_path: Path) -> None:
    odd = Tags(title="노래\n☃", artist="Ánna", album="A" * 3000, date="2024-02-29", genre="½", copyright="© 𝄞")
    with Writer(
        tmp_path / f"song{suffix}", RATE, tags=odd, picture=Picture(b"\xff\xd8" + bytes(99), "mjpeg", 0, 0)
    ) as writer:
        writer.write(song())
    assert info(tmp_path / f"song{suffix}").tags == odd


@pytest.mark.parametrize("n_samples", [1, 1024, 44100])
def test_the_header_of_an_m4a_states_the_exact_length(n_samples: int, tmp_path: Path) -> None:
    with Writer(tmp_path / "song.m4a", 44100, channels=2) as writer:
        writer.write(surround(2, n_samples))
    with av.open(str(tmp_path / "song.m4a")) as container:
        stream = container.streams.audio[0]
        assert (stream.duration, stream.time_base) == (n_samples, Fraction(1, 44100))


@pytest.mark.parametrize(
    ("name", "rate", "stored"),
    [("a.mp3", 40000, 44100), ("a.mp3", 96000, 48000), ("a.MP3", 6000, 8000), ("a.m4a", 192000, 96000)]
    + [(name, 44100, 44100) for name in ("a.mp3", "a.wav", "a.txt")]
    + [("a.flac", 192000, 192000)],
)
def test_a_format_of_few_rates_has_one_that_loses_least(name: str, rate: int, stored: int) -> None:
    assert storable_rate(Path(name), rate) == stored


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
    elif kind in ("nan", "inf", "1e30"):
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
        ("noise", "not audio"),
        ("pointer", "Git LFS"),
        ("no bytes", "empty"),
        ("no samples", "no samples"),
        ("nan", "NaN.* at 0.100 s"),
        ("inf", "NaN.* at 0.100 s"),
        ("1e30", "far beyond full scale at 0.100 s"),
        ("start of a FLAC", "not audio"),
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


def rising(seconds: float = 3.0) -> np.ndarray:
    """A quiet beginning and a loud end, so that the bit rate of an mp3 rises on the way."""
    n = round(seconds * RATE)
    quiet = 0.01 * np.sin(2 * np.pi * 220 * np.arange(n) / RATE)
    return np.where(np.arange(n) < n / 3, quiet, np.random.default_rng(0).normal(0, 0.1, n)).astype(np.float32)


def mp3_frames(options: dict[str, str], rate: int = RATE) -> bytes:
    """Return the frames of `rising()` without a header, as in a stream."""
    encoder = av.CodecContext.create("libmp3lame", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.options = rate, "mono", "fltp", options
    frame = av.AudioFrame.from_ndarray(rising()[None], format="fltp", layout="mono")
    frame.sample_rate = rate
    packets = []
    for start in range(0, frame.samples, 1152):
        part = av.AudioFrame.from_ndarray(rising()[None, start : start + 1152], format="fltp", layout="mono")
        part.sample_rate, part.pts = rate, start
        packets += encoder.encode(part)
    return b"".join(bytes(packet) for packet in [*packets, *encoder.encode(None)])


VARIABLE = {"flags": "+qscale", "global_quality": "472"}
ID3 = b"ID3\x04\0\0\0\0\x01\0" + bytes(128)


@pytest.mark.parametrize(
    ("kind", "n_times"),
    [
        ("variable rate", 1),
        ("constant rate", 1),
        ("tagged", 1),
        ("begun in a frame", 1),
        ("ended in a frame", 1),
        ("padded", 1),
        ("joined", 2),
        ("joined with headers", 2),
        ("joined with tags", 2),
    ],
)
def test_an_mp3_is_read_to_its_end_whatever_its_header_states(
    kind: str, n_times: int, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    frames = mp3_frames({"b": "128000"} if kind == "constant rate" else VARIABLE)
    soundfile.write(tmp_path / "header.mp3", rising(), RATE)
    header = (tmp_path / "header.mp3").read_bytes()
    encoded = {
        "tagged": ID3 + frames + b"TAG" + bytes(125),
        "begun in a frame": frames[50:],
        "ended in a frame": frames[:-50],
        "padded": bytes(3000) + frames + bytes(3000),
        "joined": frames * 2,
        "joined with headers": header * 2,
        "joined with tags": (ID3 + frames + b"TAG" + bytes(125)) * 2,
    }
    path = tmp_path / "song.mp3"
    path.write_bytes(encoded.get(kind, frames))
    decoded, rate = read(path, strict=True)
    assert len(decoded) / rate == pytest.approx(3.0 * n_times, abs=0.1)
    assert len(read(path)[0]) == len(decoded) and not caplog.text and not capfd.readouterr().err
    with av.open(str(path)) as container:
        n_packets = [packet for packet in container.demux(audio=0) if packet.size]
    assert len(decoded) == pytest.approx(1152 * len(n_packets), abs=3 * 1152)


def test_an_mp3_that_changes_its_sample_rate_has_one(tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_bytes(mp3_frames(VARIABLE) + mp3_frames(VARIABLE, RATE // 2))
    decoded, rate = read(tmp_path / "song.mp3", strict=True)
    assert rate == RATE and len(decoded) / rate == pytest.approx(3 + 6, abs=0.2)


def test_a_damaged_frame_of_an_mp3_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames, path = bytearray(mp3_frames(VARIABLE)), tmp_path / "song.mp3"
    middle = len(frames) // 2
    frames[middle : middle + 1000] = np.random.default_rng(0).bytes(1000)
    path.write_bytes(frames)
    assert 2.5 < len(read(path)[0]) / RATE < 3
    assert "damaged" in caplog.text and "what can be decoded is used" in caplog.text
    with pytest.raises(AudioError, match=r"damaged .* after 1\.\d\d s"):
        read(path, strict=True)


@pytest.mark.parametrize("suffix", [".ogg", ".opus"])
def test_joined_ogg_files_are_read_to_the_end(suffix: str, tmp_path: Path) -> None:
    audio, rate = song(2 * 48000, 48000), 48000
    subtype = "OPUS" if suffix == ".opus" else "VORBIS"
    soundfile.write(tmp_path / "one.ogg", audio, rate, subtype)
    path = tmp_path / f"two{suffix}"
    path.write_bytes((tmp_path / "one.ogg").read_bytes() * 2)
    decoded, _ = read(path, strict=True)
    assert len(decoded) == pytest.approx(2 * len(audio), abs=0.05 * rate)
    assert np.abs(decoded[: len(audio)] - audio).max() < 0.05


@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (0, 0),  # a recorder that crashed
        (36, 0),
        (0xFFFFFFFF, 0xFFFFFFFF),  # FFmpeg to a pipe
        (0, 0xFFFFFFFF),
        (0x7FFFF024, 0x7FFFF000),  # SoX to a pipe
        (0x7FFFFF24, 0x7FFFFF00),  # arecord to a pipe
        (0x80000024, 0x80000000),
        (0x7FFFFFFF, 0x7FFFFFDB),
        (None, 0x00FF0000),  # the size of the file is right
        (0x00FF0000, None),  # that of the sound is right
    ],
)
@pytest.mark.parametrize("n_channels", [1, 2])
def test_a_wav_of_unknown_length_is_read_to_its_end(
    riff: int | None, data: int | None, n_channels: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "song.wav"
    audio = np.repeat(rising(1)[:, None], n_channels, axis=1)
    soundfile.write(path, audio, RATE, "PCM_16")
    encoded = bytearray(path.read_bytes())
    for place, size in ((4, riff), (40, data)):
        if size is not None:
            encoded[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(encoded)
    decoded, _ = read(path, strict=True)
    assert len(decoded) == info(path).n_samples == RATE and not caplog.text
    np.testing.assert_allclose(decoded, audio[:, 0], atol=1e-4)


@pytest.mark.parametrize("kind", ["AIFF", "AU", "W64", "RF64", "CAF"])
def test_truncation_is_recognised_in_every_format_with_a_length(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, song(), RATE, format=kind)
    assert len(read(path, strict=True)[0]) == len(song())
    path.write_bytes(path.read_bytes()[:-20000])
    assert len(read(path)[0]) == pytest.approx(len(song()) - 10000, abs=100)
    with pytest.raises(AudioError, match="truncated"):
        read(path, strict=True)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("joined", [False, True])
def test_an_ogg_file_that_ends_within_a_page_is_truncated(subtype: str, joined: bool, tmp_path: Path) -> None:
    """Between two pages, it may be a recording of a stream, which nothing ended."""
    path = tmp_path / "song.ogg"
    soundfile.write(path, song(3 * 48000, 48000), 48000, subtype)
    encoded = path.read_bytes() * (2 if joined else 1)
    last_page = encoded.rindex(b"OggS")
    for end in (last_page, last_page + 20, last_page + 50, len(encoded) - 1):
        path.write_bytes(encoded[:end])
        if end == last_page:
            read(path, strict=True)
            continue
        with pytest.raises(AudioError, match=r"it is truncated after \d"):
            read(path, strict=True)


def test_a_file_that_leads_ffmpeg_before_its_start_is_an_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "song.nut"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48000
        container.mux([packet for part in (frame, None) for packet in stream.encode(part)])
    encoded = path.read_bytes()
    for end in range(100, len(encoded), 20):
        path.write_bytes(encoded[:end])
        with suppress(AudioError):
            read(path)


PICTURES = {".flv": "flv", ".webm": "libvpx"}


def film(path: Path, codec: str, sound_seconds: float, picture_seconds: float, start: float = 0.0) -> None:
    """Write a file with a sound, from `start` on, and a picture."""
    rate = 48000
    with av.open(str(path), "w") as container:
        picture = container.add_stream(PICTURES.get(path.suffix, "mpeg4"), rate=10, width=32, height=32)
        picture.pix_fmt = "yuv420p"
        sound = container.add_stream(codec, rate=44100 if path.suffix == ".flv" else rate, layout="mono")
        packets = []
        for number in range(round(10 * picture_seconds)):
            frame = av.VideoFrame(32, 32, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts = number
            packets += picture.encode(frame)
        frame = av.AudioFrame.from_ndarray(song(round(sound_seconds * sound.rate))[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = sound.rate, round(start * sound.rate)
        packets += [*picture.encode(None), *sound.encode(frame), *sound.encode(None)]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".mkv", "aac"), (".webm", "libopus"), (".avi", "pcm_s16le"), (".flv", "libmp3lame"), (".mp4", "aac")],
)
@pytest.mark.parametrize(("picture_seconds", "start"), [(3.0, 0.0), (1.0, 0.0), (3.5, 0.5)])
def test_a_sound_is_whole_even_if_the_picture_is_longer(
    suffix: str,
    codec: str,
    picture_seconds: float,
    start: float,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / f"take{suffix}"
    film(path, codec, 2.0, picture_seconds, start)
    decoded, rate = read(path, strict=True)
    seconds = 2.0 + (start if suffix != ".avi" else 0)  # an avi does not state the beginning
    assert len(decoded) / rate == pytest.approx(seconds, abs=0.1) and not caplog.text
    assert info(path).n_samples / rate == pytest.approx(seconds, abs=0.1) or suffix != ".mp4"
    assert not decoded[: max(round((seconds - 2.05) * rate), 0)].any()
    whole = path.read_bytes()
    if (
        suffix != ".mp4" and picture_seconds > 2
    ):  # the header of an mp4 is at its end; an avi states the picture's length
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(AudioError, match=r"truncated|damaged"):
            read(path, strict=True)


@pytest.mark.parametrize(
    ("name", "channels", "heard"),
    [
        ("on the left", lambda voice, other: [voice, 0 * voice], 1.0),
        ("on the right", lambda voice, other: [0 * voice, voice], 1.0),
        ("on the left, with hiss on the right", lambda voice, other: [voice, 0.003 * other], 1.0),
        (
            "on the left, with a click on the right",
            lambda voice, other: [voice, 0.5 * (np.arange(len(voice)) == 9)],
            1.0,
        ),
        ("on the left, with an offset on the right", lambda voice, other: [voice, 0 * voice + 0.5], 1.0),
        ("inverted on the right", lambda voice, other: [voice, -voice], 1.0),
        ("softer and inverted on the right", lambda voice, other: [voice, -0.5 * voice], 0.75),
        ("inverted, with an offset on both", lambda voice, other: [voice + 0.3, 0.3 - voice], 1.0),
        ("in the middle", lambda voice, other: [voice, voice], 1.0),
        ("in the middle, half as loud on the right", lambda voice, other: [voice, 0.5 * voice], 0.75),
        ("on the centre loudspeaker", lambda voice, other: [0 * voice, 0 * voice, voice, 0 * voice], 1.0),
        ("silent", lambda voice, other: [0 * voice, 0 * voice], 0.0),
    ],
)
@pytest.mark.parametrize("target", [RATE, 16000])
def test_a_voice_keeps_its_level_wherever_it_is(name: str, channels, heard: float, target: int, tmp_path: Path) -> None:
    voice, hiss = song(), np.random.default_rng(0).normal(0, 0.4, len(song())).astype(np.float32)
    soundfile.write(tmp_path / "song.wav", np.stack(channels(voice, hiss), axis=1), RATE, "FLOAT")
    mixed, expected = read(tmp_path / "song.wav", target)[0], heard * resample(voice, RATE, target)
    mixed -= mixed.mean()
    expected -= expected.mean()
    np.testing.assert_allclose(mixed * np.sign(np.dot(mixed, expected) + 1e-9), expected, atol=2e-3)
    whole = read(tmp_path / "song.wav", target)[0]
    np.testing.assert_array_equal(np.concatenate(list(blocks(tmp_path / "song.wav", target, 1000))), whole)


def test_a_channel_that_is_used_for_one_phrase_is_not_lost(tmp_path: Path) -> None:
    first, second = song(10 * RATE), song(10 * RATE)
    first[-RATE // 2 :], second[: -RATE // 2] = 0, 0
    soundfile.write(tmp_path / "song.wav", np.stack([first, second], axis=1), RATE, "FLOAT")
    np.testing.assert_allclose(read(tmp_path / "song.wav")[0], (first + second) / 2, atol=1e-6)


@pytest.mark.parametrize("rate", [1, 999, 3_000_001])
def test_an_impossible_sample_rate_is_an_error_of_the_file(rate: int, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, song(), rate)
    with pytest.raises(AudioError, match=r"song\.wav states no valid sample rate"):
        info(path)
    with pytest.raises(AudioError, match="sample rate"):
        next(blocks(path, RATE, 100))


@pytest.mark.parametrize("name", ["no_decoder.wav", "no_decoder.voc", "no_rate.sf"])
def test_a_file_without_a_decoder_is_an_error_of_the_file(name: str) -> None:
    path = Path(__file__).with_name("cases") / name
    with pytest.raises(
        AudioError, match=rf"{name} (is in a format that cannot be decoded here|states no valid sample rate)"
    ):
        read(path)


@pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
def test_audio_written_in_blocks_has_the_same_length_when_read(suffix: str, tmp_path: Path) -> None:
    audio, path = song(100_001), tmp_path / "new folder" / f"Lied für Anna{suffix}"
    with Writer(path, RATE) as writer:
        for start in range(0, len(audio), 7777):
            writer.write(audio[start : start + 7777])
        assert not path.exists()
    decoded, rate = read(path)
    assert rate == RATE and len(decoded) == len(audio)
    assert np.abs(decoded - audio).max() < (1e-4 if suffix in (".wav", ".flac") else 0.05)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "sample_format"), [("a.wav", "int16"), ("a.wav", "int24"), ("a.wav", "float32"), ("a.flac", "int24")]
)
@pytest.mark.parametrize(("ceiling", "n_channels"), [(1.0, 1), (0.9, 2)])
def test_a_sound_beyond_full_scale_is_turned_down_as_a_whole(
    name: str, sample_format: SampleFormat, ceiling: float, n_channels: int, tmp_path: Path
) -> None:
    audio = np.stack([3 * song(), -2 * song()])[:n_channels]
    with Writer(tmp_path / name, RATE, channels=n_channels, sample_format=sample_format, ceiling=ceiling) as writer:
        for start in range(0, audio.shape[1], 7777):
            writer.write(audio[:, start : start + 7777])
    peak = np.abs(audio).max()
    decoded = read(tmp_path / name, mono=False)[0]
    assert ceiling - 1e-3 < np.abs(decoded).max() <= ceiling + 2**-15  # a step of 16 bits
    np.testing.assert_allclose(decoded, audio / peak * ceiling, atol=1e-4)
    assert writer.turned_down_db == pytest.approx(20 * np.log10(peak / ceiling), abs=1e-4)


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".m4a"])
@pytest.mark.parametrize("level", [0.3, 0.99, 3.0])
def test_a_lossy_format_does_not_exceed_full_scale_when_it_is_decoded(
    suffix: str, level: float, tmp_path: Path
) -> None:
    """A square wave: without its highest harmonics it overshoots by a sixth."""
    square = (level * np.sign(np.sin(2 * np.pi * 441 * np.arange(2 * RATE) / RATE))).astype(np.float32)
    with Writer(tmp_path / f"song{suffix}", RATE, ceiling=0.99) as writer:
        writer.write(square)
    decoded, _ = read(tmp_path / f"song{suffix}")
    assert np.abs(decoded).max() <= 0.99
    gain = np.dot(decoded, square) / np.dot(square, square)
    assert -20 * np.log10(gain) == pytest.approx(writer.turned_down_db, abs=0.3)
    assert (writer.turned_down_db > 0.5) == (level > 0.5)


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
    for name, rate in (("song.mp3", 96001), ("song.mp3", 40000), ("song.m4a", 40000), ("song.m4a", 192000)):
        with pytest.raises(AudioError, match=r"stores sample rates of .*24000"):
            Writer(tmp_path / name, rate)
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
