"""With a synthesizer that returns its input, conversion returns the prepared recording unchanged."""

from __future__ import annotations

import hashlib
import logging
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

import myna.conversion.converter
from myna.assets import BUNDLED_SONG
from myna.audio.io import blocks, read
from myna.audio.marking.detection import DETECTION_RATE, detect
from myna.audio.marking.tags import statements
from myna.audio.preparation import without_rumble
from myna.config import Config, PitchRange
from myna.conversion.converter import Converter
from myna.conversion.transposition import shift_between
from myna.errors import AudioError, CheckpointError, ConfigError, MynaError
from myna.features.extractor import Features
from myna.models.interface import Conditions, Generated, Sampling
from myna.models.synthesizers.vits import Vits
from myna.options import ConversionOptions
from myna.retrieval import retrieval_file

RATE, HOP, CHANNELS = 16000, 160, 160
CONFIG = Config.parse(
    {
        "data": {"sampling_rate": RATE, "filter_length": 640, "hop_length": HOP, "win_length": 640},
        "model": {
            **{"inter_channels": 8, "hidden_channels": 8, "filter_channels": 16, "n_heads": 2, "n_layers": 1},
            **{"upsample_rates": [10, 4, 4], "upsample_kernel_sizes": [20, 8, 8], "upsample_initial_channel": 16},
            **{"resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]], "gin_channels": 8},
            **{"ssl_dim": CHANNELS, "n_speakers": 4, "n_flow_layer": 2},
        },
        "spk": {"alto": 0, "Sänger": 1, "nobody": 2},
        "pitch": {"Sänger": {"median_hz": 130.0, "low_hz": 90.0, "high_hz": 200.0}},
    }
)


class EchoExtractor:
    """Extractor whose content is the audio itself, one frame per column; the pitch is 220 Hz in voiced frames."""

    f0_method = "swift"
    encoder = None

    def __init__(self, config: Config, device: str) -> None: ...

    def __call__(self, audio: np.ndarray, **how: Any) -> Features:
        frames = torch.from_numpy(audio[: len(audio) // HOP * HOP].reshape(-1, HOP))
        power = frames.square().mean(dim=1)
        return Features(frames.T, (power > 1e-8) * 220.0, 10 * (power + 1e-10).log10())


class EchoSynthesizer:
    """Returns the content as audio and records its arguments."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated:
        content, f0, voiced, speaker, loudness = conditions
        self.calls.append(
            {"f0": f0, "n_samples": content.shape[2] * HOP, "voiced": voiced, "loudness": loudness}
            | {"speaker": int(speaker) if speaker.dim() == 1 else speaker}
            | {"noise_scale": sampling.noise_scale, "predict_f0": sampling.predict_f0}
        )
        return Generated(content.transpose(1, 2).reshape(1, 1, -1), f0)


@pytest.fixture(autouse=True)
def _echo_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(myna.conversion.converter, "FeatureExtractor", EchoExtractor)
    monkeypatch.setitem(
        myna.conversion.converter.F0_ESTIMATORS,
        myna.conversion.converter.DEFAULT_F0_METHOD,
        lambda audio, sample_rate, hop, device: np.full(len(audio) // hop, 220.0, np.float32),
    )


def echo(**config: Any) -> Converter:
    voice = SimpleNamespace(config=CONFIG.with_values(**config), synthesizer=EchoSynthesizer(), path=Path("G_1.pth"))
    return Converter(voice)  # type: ignore[arg-type]


def tiny() -> Converter:
    """Converter with a real synthesizer and random weights."""
    torch.manual_seed(0)
    synthesizer = Vits(CONFIG.model, CONFIG.data).eval()
    return Converter(SimpleNamespace(config=CONFIG, synthesizer=synthesizer, path=Path("G_1.pth")))  # type: ignore[arg-type]


def song(seconds: float, rate: int = RATE) -> np.ndarray:
    """Phrases of a gliding tone with a little noise between them."""
    time = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * (200 * time + 15 * np.sin(time))) * (0.25 + 0.2 * np.sin(2 * np.pi * time / 1.7))
    return (tone + np.random.default_rng(0).normal(0, 0.003, len(time))).astype(np.float32)


def prepared(audio: np.ndarray) -> np.ndarray:
    return np.concatenate(list(without_rumble([audio], RATE)))


@pytest.mark.parametrize("limit", [0.0, 1.0, 2.3, 40.0])
def test_an_echo_returns_the_song_for_any_slicing(limit: float) -> None:
    audio, converter = song(7.77), echo()
    sung = converter.convert(audio, RATE, ConversionOptions(max_chunk_seconds=limit)).audio
    assert sung.dtype == np.float32
    np.testing.assert_array_equal(sung, prepared(audio))


def test_silence_stays_silent_and_is_not_converted() -> None:
    audio = np.concatenate([song(1), 1e-5 * song(2), song(1)])
    converter = echo()
    sung = converter.convert(audio, RATE).audio
    np.testing.assert_array_equal(sung[round(1.3 * RATE) : round(2.7 * RATE)], 0)
    np.testing.assert_array_equal(sung[:RATE], prepared(audio)[:RATE])
    assert [call["n_samples"] / RATE for call in converter.voice.synthesizer.calls] == pytest.approx(
        [2.3, 2.3], abs=0.3
    )
    silent = echo()
    np.testing.assert_array_equal(silent.convert(np.zeros(12345, np.float32), RATE).audio, np.zeros(12345))
    assert silent.voice.synthesizer.calls == []


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 96000])
@pytest.mark.parametrize("seconds", [1e-5, 2e-4, 0.01, 0.5001, 3.33333])
def test_the_result_is_as_long_as_the_input(rate: int, seconds: float) -> None:
    audio = song(max(seconds, 1 / rate), rate)
    sung = tiny().convert(audio, rate, ConversionOptions(max_chunk_seconds=1.0)).audio
    assert len(sung) == round(len(audio) * RATE / rate)
    assert np.isfinite(sung).all()


def test_each_slice_gets_real_audio_as_context() -> None:
    converter = echo()
    options = ConversionOptions(max_chunk_seconds=2.0, pad_seconds=0.4)
    converter.convert(song(6), RATE, options)
    assert len(converter.voice.synthesizer.calls) > 3
    for call in converter.voice.synthesizer.calls[1:-1]:
        assert call["n_samples"] <= 1.25 * 2.8 * RATE + 2 * HOP
        assert bool(call["voiced"].all())  # zero padding would be unvoiced


def test_chunks_have_few_distinct_lengths() -> None:
    """The convolution library caches code for each length in memory."""
    rng = np.random.default_rng(0)
    phrases = [np.concatenate([song(seconds), np.zeros(RATE, np.float32)]) for seconds in rng.uniform(0.2, 8, 40)]
    converter = echo()
    converter.convert(np.concatenate(phrases), RATE)
    lengths = [call["n_samples"] for call in converter.voice.synthesizer.calls]
    assert len(lengths) == 40 and len(set(lengths)) <= 14


def test_audio_shorter_than_a_frame_gets_context() -> None:
    converter = echo()
    audio = song(0.01)
    sung = converter.convert(audio, RATE, ConversionOptions(pad_seconds=0.0)).audio
    np.testing.assert_array_equal(sung, prepared(audio))
    assert converter.voice.synthesizer.calls[0]["n_samples"] >= 0.5 * RATE


@pytest.mark.parametrize(("name", "subtype", "rate"), [("a.wav", "FLOAT", 48000), ("b.flac", "PCM_24", 96000)])
def test_a_file_and_an_array_with_the_same_samples_give_the_same_result(
    name: str, subtype: str, rate: int, tmp_path: Path
) -> None:
    path = tmp_path / f"für {name}"
    left, right = song(2.5, rate), 0.5 * song(2.5, rate)
    soundfile.write(path, np.stack([left, right], axis=1), rate, subtype)
    converter, options = tiny(), ConversionOptions(max_chunk_seconds=1.0, mark=False)
    summary = converter.convert_file(path, tmp_path / "out" / "sung.wav", options)
    from_file, sung_rate = read(tmp_path / "out" / "sung.wav")
    from_array = converter.convert(read(path)[0], rate, options).audio
    assert sung_rate == RATE and len(from_file) == round(len(left) * RATE / rate)
    assert np.abs(from_file - from_array).max() <= 1 / 32768  # the file has 16 bits
    assert (summary.seconds, summary.n_slices) == (pytest.approx(2.5), 4)
    assert summary.source_pitch is not None and summary.source_pitch.median_hz == pytest.approx(220)


def test_a_format_without_the_rate_of_the_voice_stores_another_one(tmp_path: Path) -> None:
    converter = echo()
    converter.sample_rate = 15000
    soundfile.write(tmp_path / "song.wav", song(2, 15000), 15000)
    for name, rate in (("a.wav", 15000), ("a.mp3", 16000), ("a.m4a", 16000)):
        converter.convert_file(tmp_path / "song.wav", tmp_path / name)
        sung, stored = read(tmp_path / name)
        assert (stored, len(sung)) == (rate, 2 * rate)


def test_the_seed_determines_the_result() -> None:
    audio, converter = song(2.2), tiny()
    first, again, other = (
        converter.convert(audio, RATE, ConversionOptions(seed=seed, max_chunk_seconds=1.0)).audio for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


def test_a_slice_does_not_depend_on_the_slices_before_it() -> None:
    late = np.concatenate([np.zeros(2 * RATE, np.float32), song(1)])
    both = np.concatenate([song(1), np.zeros(RATE, np.float32), song(1)])
    converter = tiny()
    one, other = converter.convert(late, RATE).audio, converter.convert(both, RATE).audio
    np.testing.assert_allclose(one[2 * RATE :], other[2 * RATE :], atol=1e-6)


def test_a_join_of_two_renderings_keeps_the_level_and_does_not_click() -> None:
    """The hardest case: latent noise, and a steady tone without a quiet moment to cut at."""
    converter = tiny()
    tone = (0.3 * np.sin(2 * np.pi * 220 * np.arange(6 * RATE) / RATE)).astype(np.float32)
    whole = converter.convert(tone, RATE, ConversionOptions(max_chunk_seconds=0.0)).audio
    cut = converter.convert(tone, RATE, ConversionOptions(max_chunk_seconds=1.0)).audio
    assert len(cut) == len(whole)
    middle = slice(RATE // 2, -RATE // 2)
    assert np.abs(np.diff(cut[middle], 2)).max() < 1.5 * np.abs(np.diff(whole[middle], 2)).max()
    levels = np.square(cut[middle]).reshape(-1, RATE // 20).mean(axis=1)
    steady = np.square(whole[middle]).reshape(-1, RATE // 20).mean(axis=1)
    assert 10 * np.log10(levels.min() / steady.min()) > -1.5
    assert 10 * np.log10(levels.max() / steady.max()) < 1.5


def test_transpose_shifts_the_pitch() -> None:
    converter = echo()
    converter.convert(song(1), RATE, ConversionOptions(transpose=7))
    f0 = converter.voice.synthesizer.calls[0]["f0"]
    assert float(f0.max()) == pytest.approx(220 * 2 ** (7 / 12), rel=1e-5)


@pytest.mark.parametrize(
    ("step", "transpose", "expected"),
    [("octave", 0, -12), ("semitone", 0, -9), ("octave", 2, -10)],  # 220 Hz to 130 Hz is -9.1 semitones
)
def test_auto_transpose_shifts_the_song_by_one_constant(step: Any, transpose: float, expected: float) -> None:
    converter = echo()
    options = ConversionOptions(speaker="Sänger", auto_transpose=True, transpose_step=step, transpose=transpose)
    converter.convert(song(3), RATE, options)
    f0 = converter.voice.synthesizer.calls[0]["f0"]
    assert float(f0.max()) == pytest.approx(220 * 2 ** (expected / 12), rel=1e-5)
    assert converter.voice.synthesizer.calls[0]["speaker"] == 1


@pytest.mark.parametrize(
    ("song_hz", "voice_hz", "step", "expected"),
    [
        (220.0, 110.0, "octave", -12),
        (165.0, 105.0, "octave", 0),  # 82 Hz is closer to his speech, but below the range of songs
        (330.0, 105.0, "octave", -12),
        (165.0, 75.0, "octave", -12),  # his own recordings are as low
        (82.0, 105.0, "octave", 0),  # the song is as low
        (165.0, 105.0, "semitone", -8),
        (110.0, 220.0, "octave", 12),
        (220.0, 150.0, "octave", 0),  # 6.6 semitones above his median rather than 5.4 below it: singing is higher
        (220.0, 145.0, "octave", -12),
        (150.0, 212.0, "octave", 12),
    ],
)
def test_auto_transpose_does_not_lower_a_song_below_the_range_of_songs(
    song_hz: float, voice_hz: float, step: Any, expected: float
) -> None:
    assert shift_between(around(song_hz), around(voice_hz), step) == expected


def around(median_hz: float) -> PitchRange:
    return PitchRange(low_hz=median_hz / 2, high_hz=2 * median_hz, median_hz=median_hz)


@pytest.mark.parametrize(("family", "usual"), [("vits", 0.4), ("rvc", 0.66666), ("sovits3", 1.0), ("direct", 0.0)])
def test_the_default_noise_scale_is_that_of_the_family(family: str, usual: float) -> None:
    converter = echo(model={"synthesizer": family})
    for options in (ConversionOptions(), ConversionOptions(noise_scale=0.3)):
        converter.convert(song(1), RATE, options)
    assert [call["noise_scale"] for call in converter.voice.synthesizer.calls] == [usual, 0.3]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (ConversionOptions(speaker="Anna"), "'Anna'.*alto, Sänger, nobody"),
        (ConversionOptions(auto_transpose=True), "--transpose"),
        (ConversionOptions(auto_predict_f0=True), "cannot predict"),
        (ConversionOptions(speaker_mix="alto:1,Anna:1"), "'Anna'.*alto, Sänger, nobody"),
        (ConversionOptions(speaker_mix="alto:-1"), "must be 0 or more"),
        (
            ConversionOptions(cluster_infer_ratio=0.5),
            "no index.safetensors or kmeans.pt in or beside .*svc train-index",
        ),
    ],
)
def test_unsupported_options_are_refused_before_the_conversion(
    options: ConversionOptions, reason: str, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "song.wav", song(1), RATE)
    converter = echo(model={"use_automatic_f0_prediction": False})
    with pytest.raises(ConfigError, match=reason):
        converter.convert_file(tmp_path / "song.wav", tmp_path / "out.wav", options)
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(0, np.float32),
        np.zeros((2, 100), np.float32),
        np.zeros(100, np.int16),
        np.array([0.0, np.nan], np.float32),
        np.array([0.0, 1e300]),
    ],
)
def test_an_array_that_is_not_audio_is_refused(audio: np.ndarray) -> None:
    with pytest.raises(AudioError):
        echo().convert(audio, RATE)


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", song(1), RATE)
    before = (tmp_path / "song.wav").read_bytes()
    with pytest.raises(AudioError, match="overwrite"):
        echo().convert_file(tmp_path / "song.wav", tmp_path / "." / "song.wav")
    assert (tmp_path / "song.wav").read_bytes() == before


def test_nan_output_is_an_error_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "song.wav", song(1), RATE)
    converter = echo()

    def broken(conditions: Conditions, sampling: Sampling) -> Generated:
        return Generated(torch.full((1, 1, conditions.content.shape[2] * HOP), torch.nan), conditions.f0)

    monkeypatch.setattr(converter.voice.synthesizer, "generate", broken)
    with pytest.raises(CheckpointError, match="NaN"):
        converter.convert_file(tmp_path / "song.wav", tmp_path / "out.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_the_error_for_too_little_memory_has_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    converter = echo()

    def hungry(*_: Any, **__: Any) -> Generated:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(converter.voice.synthesizer, "generate", hungry)
    with pytest.raises(MynaError, match="--max-chunk-seconds"):
        converter.convert(song(1), RATE)


def test_an_interrupted_conversion_leaves_no_partial_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", song(5), RATE)

    def stopped(items: Iterable[Any], *, title: str, total: int | None = None, unit: str = "it") -> Iterator[Any]:
        assert (title, total, unit) == ("song.wav", 5, " s sung")
        yield next(iter(items))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        echo().convert_file(tmp_path / "song.wav", tmp_path / "out.wav", ConversionOptions(), stopped)
    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_a_truncated_recording_is_converted_up_to_its_end_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    soundfile.write(tmp_path / "whole.wav", song(2), RATE)
    (tmp_path / "song.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:RATE])
    with caplog.at_level(logging.WARNING):
        summary = echo().convert_file(tmp_path / "song.wav", tmp_path / "out.wav")
    assert summary.seconds == pytest.approx(0.5, abs=0.01)
    assert len([record for record in caplog.records if "truncated" in record.message]) == 1


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_a_file_is_marked_as_a_conversion(suffix: str, tmp_path: Path) -> None:
    source, path = tmp_path / "song.wav", tmp_path / f"sung{suffix}"
    soundfile.write(source, read(BUNDLED_SONG, RATE)[0], RATE)
    echo().convert_file(source, path, ConversionOptions(speaker="Sänger"))
    (said,) = statements(path)
    assert "converted with myna" in said and "nger (G_1.pth)" in said
    assert f"source SHA-256: {hashlib.sha256(source.read_bytes()).hexdigest()}" in said
    assert detect(blocks(path, DETECTION_RATE, RATE)).found


def test_without_the_mark_only_the_tags_say_it(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", read(BUNDLED_SONG, RATE)[0], RATE)
    echo().convert_file(tmp_path / "song.wav", tmp_path / "sung.wav", ConversionOptions(mark=False))
    assert statements(tmp_path / "sung.wav")
    assert not detect(blocks(tmp_path / "sung.wav", DETECTION_RATE, RATE)).found


def test_a_conversion_repeats_what_its_source_says_about_itself(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", song(1), RATE)
    echo().convert_file(tmp_path / "song.wav", tmp_path / "first.flac", ConversionOptions(speaker="alto"))
    echo().convert_file(tmp_path / "first.flac", tmp_path / "second.mp3", ConversionOptions(speaker="nobody"))
    (said,) = statements(tmp_path / "second.mp3")
    assert said.index("nobody") < said.index("the source says: converted with myna") < said.index("alto")


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    peaks = []
    for minutes in (0.5, 2):
        with soundfile.SoundFile(tmp_path / "song.wav", "w", RATE, 1, "PCM_16") as file:
            for _ in range(round(minutes * 6)):
                file.write(song(10))
        tracemalloc.start()
        echo().convert_file(tmp_path / "song.wav", tmp_path / "out.wav", ConversionOptions(max_chunk_seconds=5))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_a_voice_with_a_loudness_embedding_gets_softer_pauses() -> None:
    audio = np.concatenate([song(2), song(0.4) * 0.01, song(2)])

    def loudness_of(softer_db: float | None, versions: int = 0, **model: Any) -> Tensor:
        converter = echo(model=model, data={"content_versions": versions})
        converter.convert(audio, RATE, ConversionOptions(soften_pauses_db=softer_db))
        (call,) = converter.voice.synthesizer.calls  # type: ignore[attr-defined]
        loudness: Tensor = call["loudness"]
        return loudness

    change = loudness_of(12, vol_embedding=True) - loudness_of(0, vol_embedding=True)
    assert change.min() == pytest.approx(-12, abs=0.1) and change.median() == 0
    assert torch.equal(loudness_of(12, vol_embedding=False), loudness_of(0, vol_embedding=False))
    assert torch.equal(loudness_of(None, vol_embedding=True), loudness_of(15, vol_embedding=True))
    trained_with_noise = loudness_of(None, versions=3, vol_embedding=True)
    assert torch.equal(trained_with_noise, loudness_of(0, vol_embedding=True)), "it needs no help"


def make_index(path: Path, *speakers: str, channels: int = CHANNELS) -> Path:
    """Write an index with one vector per speaker, filled with an eighth of the number of the speaker from 1."""
    vectors = {name: torch.full((1, channels), number / 8) for number, name in enumerate(speakers, start=1)}
    retrieval_file.write_index(path, vectors)
    return path


def half_voiced() -> np.ndarray:
    fade = np.minimum(1, np.minimum(np.arange(RATE), np.arange(RATE)[::-1]) / (RATE / 10))
    phrase = (song(1) * (0.5 - 0.5 * np.cos(np.pi * fade))).astype(np.float32)
    return np.concatenate([phrase, np.full(RATE // 4, 5e-5, np.float32), phrase])


def test_retrieval_blends_the_content_of_voiced_frames(tmp_path: Path) -> None:
    audio, index = half_voiced(), make_index(tmp_path / "index.safetensors", "alto", "Sänger")
    source = prepared(audio)
    voiced = np.repeat(EchoExtractor(CONFIG, "cpu")(source).voiced.numpy(), HOP)
    assert 0.1 < 1 - voiced.mean() < 0.3
    for ratio, everywhere in ((0.5, False), (0.5, True), (1.0, False)):
        options = ConversionOptions(
            speaker="Sänger", cluster_model_path=index, cluster_infer_ratio=ratio, cluster_everywhere=everywhere
        )
        sung = echo().convert(audio, RATE, options).audio
        where = np.ones_like(voiced) if everywhere else voiced
        expected = np.where(where, (1 - ratio) * source + ratio * 0.25, source)
        np.testing.assert_allclose(sung, expected, atol=1e-6)


def test_without_a_ratio_no_retrieval_file_is_read(tmp_path: Path) -> None:
    audio = song(1)
    sung = echo().convert(audio, RATE, ConversionOptions(cluster_model_path=tmp_path / "absent.index")).audio
    np.testing.assert_array_equal(sung, prepared(audio))


def test_a_retrieval_file_beside_the_voice_is_found_and_an_index_preferred(tmp_path: Path) -> None:
    converter = echo()
    converter.voice.path = tmp_path / "G_1.pth"  # type: ignore[misc]
    audio, options = song(1), ConversionOptions(cluster_infer_ratio=1.0)
    retrieval_file.write_centroids(tmp_path / "kmeans.pt", {"alto": torch.full((1, CHANNELS), 0.75)})
    assert converter.convert(audio, RATE, options).audio.max() == pytest.approx(0.75)
    make_index(tmp_path / "index.safetensors", "alto")
    assert converter.convert(audio, RATE, options).audio.max() == pytest.approx(0.125)


def test_a_single_speaker_file_serves_all_and_other_files_must_have_the_speaker(tmp_path: Path) -> None:
    of_one = make_index(tmp_path / "one.safetensors", "somebody")
    of_two = make_index(tmp_path / "two.safetensors", "alto", "Berta")
    converter = echo()
    options = ConversionOptions(speaker="Sänger", cluster_infer_ratio=1.0, cluster_model_path=of_one)
    assert converter.convert(song(1), RATE, options).audio.max() == pytest.approx(0.125)
    with pytest.raises(ConfigError, match="has no data of Sänger; it has: Berta, alto"):
        converter.check(ConversionOptions(speaker="Sänger", cluster_infer_ratio=1.0, cluster_model_path=of_two))
    converter.check(ConversionOptions(speaker="alto", cluster_infer_ratio=1.0, cluster_model_path=of_two))


def test_a_retrieval_file_of_another_encoder_is_refused(tmp_path: Path) -> None:
    path = make_index(tmp_path / "index.safetensors", "alto", channels=768)
    with pytest.raises(ConfigError, match="another content encoder \\(768 channels instead of 160\\)"):
        echo().check(ConversionOptions(cluster_infer_ratio=0.5, cluster_model_path=path))


def test_a_constant_mix_reaches_the_synthesizer() -> None:
    converter = echo()
    converter.convert(song(1), RATE, ConversionOptions(speaker_mix="alto:1,Sänger:3"))
    (call,) = converter.voice.synthesizer.calls  # type: ignore[attr-defined]
    torch.testing.assert_close(call["speaker"], torch.tensor([[[0.25], [0.75], [0.0], [0.0]]]))


def test_a_timeline_follows_the_seconds_of_the_song(tmp_path: Path) -> None:
    (tmp_path / "mix.csv").write_text("seconds,alto,Sänger\n0,1,0\n6,0,1\n", encoding="utf-8")
    audio = np.concatenate([song(2), np.zeros(RATE, np.float32), song(3)])
    converter = echo()
    converter.convert(audio, RATE, ConversionOptions(speaker_mix=str(tmp_path / "mix.csv")))
    calls = converter.voice.synthesizer.calls  # type: ignore[attr-defined]
    assert len(calls) == 2
    for call in calls:
        shares = call["speaker"][0]
        assert shares.shape == (4, call["n_samples"] // HOP)
        torch.testing.assert_close(shares.sum(0), torch.ones(shares.shape[1]))
        inside = (shares[1] > 0) & (shares[1] < 1)
        steps = shares[1][inside].diff()
        torch.testing.assert_close(steps, torch.full_like(steps, HOP / RATE / 6), rtol=1e-3, atol=1e-7)
    first_second = float(calls[1]["speaker"][0, 1, 0]) * 6
    assert first_second == pytest.approx(2.5, abs=0.2)  # half a second before the second phrase, at 3 s


def test_retrieval_for_a_mix_is_weighted_by_the_shares(tmp_path: Path) -> None:
    index = make_index(tmp_path / "index.safetensors", "alto", "Sänger", "nobody")
    options = ConversionOptions(
        speaker_mix="alto:1,nobody:3", cluster_model_path=index, cluster_infer_ratio=1.0, cluster_everywhere=True
    )
    np.testing.assert_allclose(echo().convert(song(1), RATE, options).audio, 0.25 * 0.125 + 0.75 * 0.375, atol=1e-6)
    of_one = make_index(tmp_path / "one.safetensors", "somebody")
    options = ConversionOptions(speaker_mix="alto:1,nobody:3", cluster_model_path=of_one, cluster_infer_ratio=1.0)
    assert echo().convert(song(1), RATE, options).audio.max() == pytest.approx(0.125)


def test_a_mix_of_one_speaker_equals_that_speaker() -> None:
    audio, converter = song(1.5), tiny()
    alone = converter.convert(audio, RATE, ConversionOptions(speaker="Sänger")).audio
    np.testing.assert_allclose(
        converter.convert(audio, RATE, ConversionOptions(speaker_mix="Sänger:2")).audio, alone, atol=1e-6
    )


def test_auto_transpose_uses_the_speaker_with_the_largest_share() -> None:
    converter = echo()
    converter.convert(song(3), RATE, ConversionOptions(speaker_mix="alto:1,Sänger:2", auto_transpose=True))
    assert float(converter.voice.synthesizer.calls[0]["f0"].max()) == pytest.approx(110, rel=1e-5)  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="--transpose"):
        converter.check(ConversionOptions(speaker_mix="alto:2,Sänger:1", auto_transpose=True))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_a_result_beyond_full_scale_is_turned_down_as_a_whole(suffix: str, tmp_path: Path) -> None:
    source, path = 4 * song(3), tmp_path / f"sung{suffix}"
    soundfile.write(tmp_path / "song.wav", source, RATE, "FLOAT")
    sung, summary = echo().convert(source, RATE)
    assert 0.98 < np.abs(sung).max() < 1
    np.testing.assert_allclose(sung * 10 ** (summary.turned_down_db / 20), prepared(source), atol=1e-5)
    assert summary.turned_down_db == pytest.approx(20 * np.log10(np.abs(prepared(source)).max()) + 0.1, abs=1e-3)
    in_file = echo().convert_file(tmp_path / "song.wav", path, ConversionOptions(mark=False))
    assert in_file.turned_down_db == pytest.approx(
        summary.turned_down_db, abs=0.5 if suffix in (".mp3", ".ogg") else 1e-3
    )
    written, _ = read(path)
    assert 0.9 < np.abs(written).max() < 0.99
    soft = echo().convert(song(3), RATE)
    assert soft.summary.turned_down_db == 0
    np.testing.assert_array_equal(soft.audio, prepared(song(3)))
