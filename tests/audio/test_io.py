"""All audio formats are read, other files give a one-line error, and files are written atomically."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from myna.audio.io import WRITABLE_SUFFIXES, Writer, blocks, info, read
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
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout and done.stdout.count("\n") == 1
    assert not list(tmp_path.iterdir())
