"""A light voice in a stream: the samples equal those of the renderer for the whole recording, given the same facts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from myna.conversion.renderer import Renderer, SourceFacts
from myna.conversion.settings import ConversionSettings
from myna.errors import CheckpointError
from myna.features.content.embedded import EmbeddedEncoder, load_embedded
from myna.features.contour import hold_unvoiced
from myna.features.extractor import FeatureExtractor
from myna.models.synthesizers.light import MIDDLE_HZ
from myna.options import ConversionOptions
from myna.realtime.carried import CarriedConversion
from myna.storage import checkpoint
from myna.storage.checkpoint import Checkpoint
from myna.voice import Voice
from recipes.base_voice.causal import make_causal

RATE, HOP = 44100, 512
PEAK = 0.8
# At this length, the content of a recording is repeated as in a stream, see `expand`.
N_FRAMES = 441


@pytest.fixture(scope="module", params=["joe", "causal"])
def voice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Voice:
    """joe, and a causal voice with joe's weights, moved to the past."""
    joe = Voice.load("joe")
    if request.param == "joe":
        return joe
    folder = tmp_path_factory.mktemp("causal")
    weights = make_causal(checkpoint.read(joe.path).weights)
    checkpoint.write(folder / "G_1.pth", Checkpoint(weights, 0, 0.0, None))
    joe.config.with_values(model={"causal": True, "speech_encoder": "myna-content-2"}).write(folder / "config.json")
    return Voice.load(str(folder))


@pytest.fixture(scope="module")
def encoder(voice: Voice) -> EmbeddedEncoder:
    return load_embedded(voice.config.content_encoder)


@pytest.fixture(scope="module")
def source() -> np.ndarray:
    """Vowels with a glide, a vibrato and breath noise between them."""
    time = np.arange(N_FRAMES * HOP) / RATE
    hz = 150 * 2 ** (np.sin(2 * np.pi * 5.5 * time) / 24 + np.clip(time - 3, 0, 1))
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    tone = sum(np.sin(k * phase) / k * np.exp(-((k * hz - 700) ** 2) / 2e6) for k in range(1, 30))
    tone *= np.clip(np.abs(time - 1.6) * 20 - 4, 0, 1)
    noise = np.random.default_rng(0).standard_normal(len(time)) * 0.01
    audio = (0.5 * tone / np.abs(tone).max() + noise) * np.clip(time / 0.05, 0, 1)
    return (audio - audio.mean()).astype(np.float32)


def settings_of(voice: Voice, **options: float | str) -> ConversionSettings:
    return ConversionSettings.resolve(voice.config, voice.path, ConversionOptions(**options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(voice: Voice, source: np.ndarray) -> np.ndarray:
    """The whole recording by the renderer, which here fills unvoiced frames as a stream does, without what follows."""

    def held(f0: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(hold_unvoiced(f0.numpy(), MIDDLE_HZ))

    # A stream with a causal voice uses this method by itself.
    settings = settings_of(voice, transpose=3.0, f0_method="live" if voice.config.model.causal else "swift")
    renderer = Renderer(voice, settings, FeatureExtractor(voice.config))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("myna.conversion.renderer.fill_unvoiced", held)
        rendered = renderer.render(source, 0, settings.noise_at(0), SourceFacts(transpose=3.0, peak=PEAK))
    assert 0.5 < len(rendered.source_f0) / N_FRAMES < 0.95
    assert np.abs(rendered.audio).max() > 0.1
    return rendered.audio


def streamed(
    conversion: CarriedConversion, source: np.ndarray, settings: ConversionSettings, block_seconds: float | str
) -> np.ndarray:
    random, parts, start, n_out = np.random.default_rng(1), [], 0, 0
    while start < len(source):
        size = int(random.integers(0, 9000)) if isinstance(block_seconds, str) else round(block_seconds * RATE)
        parts.append(conversion.push(source[start : start + size], settings))
        start, n_out = min(start + size, len(source)), n_out + len(parts[-1])
        assert start - n_out <= conversion.delay_samples
    return np.concatenate(parts)


@pytest.mark.parametrize("block", [0.02, 0.1, 0.37, "random"])
def test_a_stream_equals_the_whole_recording(
    voice: Voice, encoder: EmbeddedEncoder, source: np.ndarray, whole: np.ndarray, block: float | str
) -> None:
    settings = settings_of(voice, transpose=3.0)
    conversion = CarriedConversion(voice, settings, encoder, 0.03 if isinstance(block, str) else block, PEAK)
    result = streamed(conversion, source, settings, block)
    assert len(result) > len(source) - conversion.delay_samples
    difference = np.abs(result - whole[: len(result)])
    # f0 of "live" differs by rounding, 1e-6. Where this adds or removes the pulses' highest harmonic, a few samples
    # differ by more.
    assert np.mean(difference > 1e-4) < (0.01 if voice.config.model.causal else 1e-9)
    assert difference.max() < 0.01


def test_the_delay_is_the_largest_distance_to_the_input(
    voice: Voice, encoder: EmbeddedEncoder, source: np.ndarray
) -> None:
    settings = settings_of(voice)
    conversion = CarriedConversion(voice, settings, encoder, 0.02)
    n_in = n_out = largest = 0
    for start in range(0, 2 * RATE, 98):  # a ninth of a block
        n_in, n_out = n_in + 98, n_out + len(conversion.push(source[start : start + 98], settings))
        largest = max(largest, n_in - n_out)
    assert conversion.delay_samples - 1500 < largest <= conversion.delay_samples
    assert (0.095 if voice.config.model.causal else 0.58) < conversion.delay_samples / RATE
    assert conversion.delay_samples / RATE < (0.1 if voice.config.model.causal else 0.61)


def held_bytes(value: object, seen: set[int]) -> int:
    """Bytes of all arrays and tensors that an object of the streams refers to."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, np.ndarray | torch.Tensor):
        return value.nbytes
    if isinstance(value, dict):
        return sum(held_bytes(one, seen) for one in value.values())
    if isinstance(value, list | tuple):
        return sum(held_bytes(one, seen) for one in value)
    inside = type(value).__module__.startswith(("myna.", "swift_f0")) and not isinstance(value, torch.nn.Module)
    return held_bytes(vars(value), seen) if inside and hasattr(value, "__dict__") else 0


def test_the_state_does_not_grow(voice: Voice, encoder: EmbeddedEncoder, source: np.ndarray) -> None:
    settings = settings_of(voice)
    conversion = CarriedConversion(voice, settings, encoder, 0.1)
    sizes = []
    for part in np.split(source[: 60 * 3528], 3):  # 1.6 s each
        for block in np.split(part, 16):
            conversion.push(block, settings)
        sizes.append(held_bytes(conversion, set()))
    assert sizes[0] > 100_000
    assert sizes[2] - sizes[1] < 20_000


def test_a_voice_that_streams_stays_as_it_is(voice: Voice, encoder: EmbeddedEncoder, source: np.ndarray) -> None:
    before = {name: tensor.clone() for name, tensor in voice.synthesizer.state_dict().items()}  # type: ignore[attr-defined]
    settings = settings_of(voice)
    CarriedConversion(voice, settings, encoder, 0.1).push(source[:RATE], settings)
    after = voice.synthesizer.state_dict()  # type: ignore[attr-defined]
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_damaged_voice_is_an_error_and_not_noise(voice: Voice, encoder: EmbeddedEncoder, source: np.ndarray) -> None:
    damaged = Voice.load("joe")
    with torch.no_grad():
        next(damaged.synthesizer.parameters()).fill_(torch.nan)  # type: ignore[attr-defined]
    settings = settings_of(damaged)
    with pytest.raises(CheckpointError, match="generates NaN"):
        CarriedConversion(damaged, settings, encoder, 0.1).push(source[: 2 * RATE], settings)
