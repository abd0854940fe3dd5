"""The voice encoder equals Resemblyzer's and is invariant to level and pauses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from myna.assets import package_folder
from myna.errors import AssetError
from myna.evaluation import speaker

WITH_WEIGHTS = pytest.mark.skipif(package_folder("resemblyzer") is None, reason="Resemblyzer's weights are absent")


def hum(seconds: float = 2.5) -> NDArray[np.float32]:
    """A buzz of 150 Hz with a tremolo of 3 Hz, at 16 kHz."""
    times = np.arange(round(seconds * 16000)) / 16000
    buzz = sum(np.sin(2 * np.pi * 150 * number * times) / number for number in range(1, 20))
    return (0.1 * buzz * (1 + 0.5 * np.sin(2 * np.pi * 3 * times))).astype(np.float32)


@pytest.fixture
def untrained() -> speaker.VoiceEncoder:
    torch.manual_seed(0)
    return speaker.VoiceEncoder().eval()


@WITH_WEIGHTS
def test_the_embedding_equals_resemblyzers() -> None:
    # Recorded with Resemblyzer 0.1.4: VoiceEncoder().embed_utterance(normalize_volume(hum(), -30, increase_only=True)),
    # its largest values. The hum has no silence that would be cut.
    recorded = {122: 0.22722, 82: 0.2267, 240: 0.22121, 202: 0.21515, 232: 0.21156, 189: 0.19653, 246: 0.19512}
    embedding = speaker.embed(speaker.load_voice_encoder(), hum())
    np.testing.assert_allclose(embedding[list(recorded)], list(recorded.values()), atol=2e-5)


def test_embeddings_are_unit_vectors_even_for_ten_milliseconds(untrained: speaker.VoiceEncoder) -> None:
    for audio in (hum(), hum(0.01), np.zeros(16000, np.float32)):
        embedding = speaker.embed(untrained, audio)
        assert embedding.shape == (256,)
        assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)


def test_pauses_and_low_level_do_not_change_the_embedding(untrained: speaker.VoiceEncoder) -> None:
    voice = speaker.embed(untrained, 0.01 * hum())
    np.testing.assert_allclose(speaker.embed(untrained, 0.001 * hum()), voice, atol=1e-4)
    with_pauses = np.concatenate([hum(), np.zeros(48000, np.float32), hum()])
    cut = speaker.without_silence(with_pauses)
    # Three windows of 30 ms are kept on each side of a pause.
    assert 80000 <= len(cut) <= 80000 + 8 * 480
    assert len(speaker.without_silence(hum())) == len(hum()) // 480 * 480


def test_partials_cover_the_recording() -> None:
    # 160 frames of 10 ms, one partial every 0.77 s; the last is dropped if audio fills less than three quarters of it.
    assert speaker._partial_starts(100) == [0]
    assert speaker._partial_starts(40000) == [0, 77]
    assert speaker._partial_starts(56000) == [0, 77, 154]
    assert speaker._partial_starts(57000) == [0, 77, 154, 231]


def test_the_centroid_is_equally_close_to_both() -> None:
    one, other = np.eye(256, dtype=np.float32)[:2]
    middle = speaker.centroid([one, other])
    assert middle @ one == pytest.approx(0.5**0.5)
    assert middle @ other == pytest.approx(0.5**0.5)


def test_without_the_weights_the_error_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    speaker.load_voice_encoder.cache_clear()
    monkeypatch.setattr("myna.assets.package_folder", lambda name: None)
    with pytest.raises(AssetError, match="pip install --no-deps Resemblyzer"):
        speaker.load_voice_encoder()
