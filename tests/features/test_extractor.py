"""Feature extraction, as used by preparation and conversion."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import myna.features.content
from myna.config import Config
from myna.errors import AudioError, ConfigError
from myna.features.content import Loader
from myna.features.extractor import FeatureExtractor

RATE = 44100


class Zcr:
    """Encoder whose only channel counts the zero crossings in each 20 ms."""

    channels = 1
    n_loaded = 0

    def __init__(self, device: str) -> None:
        Zcr.n_loaded += 1

    def __call__(self, audio: Tensor) -> Tensor:
        frames = audio[: len(audio) // 320 * 320].reshape(-1, 320)
        return (frames.sign().diff(dim=1) != 0).sum(dim=1).float()[None]


@pytest.fixture(autouse=True)
def encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    Zcr.n_loaded = 0
    monkeypatch.setitem(myna.features.content.CONTENT_ENCODERS, "zcr", Loader(1, Zcr))


def config(**data: object) -> Config:
    return Config.parse(
        {"model": {"speech_encoder": "zcr", "ssl_dim": 1}, "data": {"unit_interpolate_mode": "left", **data}}
    )


def tone(hz: float, seconds: float = 0.5) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def test_every_feature_has_a_value_for_every_frame() -> None:
    features = FeatureExtractor(config(), "dio")(tone(300))
    assert features.n_frames == len(tone(300)) // 512
    assert features.content.shape == (1, features.n_frames)
    assert features.voiced.all() and abs(features.f0.median() - 300) < 1
    assert features.loudness[5] == pytest.approx(20 * np.log10(0.3 / 2**0.5), abs=0.1)


def test_content_is_encoded_at_16_khz_and_at_the_right_time() -> None:
    features = FeatureExtractor(config(), "dio")(np.concatenate([tone(400), tone(1000)]))
    # 800 crossings per second are 16 per 20 ms frame, 2000 are 40; up to two are lost at the ends of a frame.
    middle = features.n_frames // 2
    assert (features.content[0, 2 : middle - 2] - 16).abs().max() <= 2
    assert (features.content[0, middle + 2 : -2] - 40).abs().max() <= 2


def test_the_encoder_is_loaded_once_and_only_when_needed() -> None:
    extractor = FeatureExtractor(config(), "dio")
    assert Zcr.n_loaded == 0
    first, other, again = extractor(tone(200)), extractor(tone(317)), extractor(tone(200))
    assert Zcr.n_loaded == 1
    for name in ("content", "f0", "loudness"):
        assert torch.equal(getattr(first, name), getattr(again, name))
        assert not torch.equal(getattr(first, name), getattr(other, name)) or name == "loudness"


def test_features_are_writable_and_usable_for_training() -> None:
    features = FeatureExtractor(config(), "dio")(tone(200))
    for tensor in (features.content, features.f0, features.loudness):
        assert not tensor.is_inference()


def test_other_sample_rates_and_hops_are_supported() -> None:
    features = FeatureExtractor(config(sampling_rate=22050, hop_length=256), "dio")(tone(300))
    assert features.n_frames == len(tone(300)) // 256
    assert abs(features.f0.median() - 150) < 1


def test_transposing_changes_only_the_pitch() -> None:
    features = FeatureExtractor(config(), "dio")(tone(200))
    higher = features.transposed(12)
    assert torch.equal(higher.voiced, features.voiced)
    torch.testing.assert_close(higher.f0, 2 * features.f0)
    assert higher.content is features.content


def test_audio_shorter_than_a_frame_is_refused() -> None:
    with pytest.raises(AudioError, match="441 samples are too few: a frame has 512"):
        FeatureExtractor(config(), "dio")(tone(200, seconds=0.01))


def test_an_unknown_encoder_is_an_error_that_lists_the_known_ones() -> None:
    unknown = Config.parse({"model": {"speech_encoder": "wav3vec"}})
    with pytest.raises(ConfigError, match=r"'wav3vec'; there are: .*vec768l12"):
        FeatureExtractor(unknown, "dio")(tone(200))


def test_a_clip_encoded_faster_has_as_many_frames_and_higher_formants() -> None:
    extractor, audio = FeatureExtractor(config(), "dio"), tone(400, seconds=1)
    n_frames = len(audio) // config().data.hop_length
    as_recorded, faster = (extractor.content(audio, rate, n_frames) for rate in (RATE, round(1.25 * RATE)))
    assert as_recorded.shape == faster.shape == (as_recorded.shape[0], n_frames)
    assert faster.median() == pytest.approx(1.25 * as_recorded.median(), abs=2)
