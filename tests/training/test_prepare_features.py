"""Features of every clip are computed once, and each speaker's pitch range is written to the configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import soundfile
import torch

from myna.audio.resample import resample
from myna.config import Config
from myna.errors import AudioError, ConfigError, MissingExtraError, MynaError
from myna.features.extractor import Features
from myna.options import FeatureOptions
from myna.training.features_file import features_path, read_bandwidth, read_features
from myna.training.prepare.configuration import write_config
from myna.training.prepare.features import FeaturesSummary, _choose_jobs, compute_features

RATE = 44100
CLIPS = Path("dataset/44k")
CONFIG = Path("configs/44k/config.json")


class Counter:
    """Extractor that computes f0 from zero crossings, and records its calls."""

    made: ClassVar[list[str]] = []
    lengths: ClassVar[list[int]] = []

    def __init__(self, config: Config, f0_method: str, device: str) -> None:
        self.config = config
        self.made.append(f0_method)

    def __call__(self, audio: np.ndarray) -> Features:
        n_frames = len(audio) // self.config.data.hop_length
        self.lengths.append(len(audio))
        crossings = np.count_nonzero(np.diff(np.sign(audio)) > 0)
        f0 = torch.full((n_frames,), crossings * RATE / len(audio))
        f0[::10] = 0
        return Features(self.content(audio, RATE, n_frames), f0, torch.full((n_frames,), -20.0))

    def content(self, audio: np.ndarray, sample_rate: int, n_frames: int) -> torch.Tensor:
        return torch.full((self.config.model.content_channels, n_frames), sample_rate / 1000)


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("myna.training.prepare.features.FeatureExtractor", Counter)
    Counter.made.clear()
    Counter.lengths.clear()


def add_clip(name: str, f0_hz: float = 200, seconds: float = 0.5) -> Path:
    path = CLIPS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * RATE)) / RATE
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * f0_hz * t + 1), RATE)
    return path


def configure(**choices: str) -> None:
    write_config(CLIPS, Path("filelists/44k"), CONFIG, **choices)


def compute(options: FeatureOptions | None = None) -> FeaturesSummary:
    return compute_features(CLIPS, CONFIG, options, n_jobs=1)


def test_every_clip_has_features_and_every_speaker_a_pitch_range() -> None:
    for i, f0_hz in enumerate((100, 200, 300)):
        add_clip(f"anna/{i}.wav", f0_hz)
    clip = add_clip("김철수/sub/노래.wav", 440, seconds=1)
    configure()
    summary = compute()
    assert (summary.n_clips, summary.n_kept, summary.failed, summary.unvoiced) == (4, 0, (), ())
    assert summary.seconds == pytest.approx(2.5)
    assert read_features(features_path(clip)).features.n_frames == RATE // 512
    pitch = Config.read(CONFIG).pitch
    assert pitch == summary.pitch
    assert pitch["anna"].median_hz == pytest.approx(200, rel=0.02)
    assert pitch["anna"].low_hz == pytest.approx(100, rel=0.03)
    assert pitch["anna"].high_hz == pytest.approx(300, rel=0.02)
    assert pitch["김철수"].median_hz == pytest.approx(440, rel=0.02)


def test_features_are_computed_again_only_when_their_inputs_changed() -> None:
    clip = add_clip("anna/a.wav")
    add_clip("anna/b.wav")
    configure()
    assert compute().n_kept == 0
    assert compute().n_kept == 2
    assert len(Counter.lengths) == 2
    assert Counter.made == ["swift"], "an extractor, and its encoder, is loaded only where there is work"

    add_clip("anna/a.wav", 250)
    assert compute().n_kept == 1
    features_path(clip).write_bytes(b"half")
    assert compute().n_kept == 1
    assert compute(FeatureOptions(f0_method="dio")).n_kept == 0
    assert compute(FeatureOptions(f0_method="dio")).n_kept == 2
    assert compute(FeatureOptions(f0_method="dio", force_rebuild=True)).n_kept == 0
    configure(content_encoder="whisper-base")
    assert compute(FeatureOptions(f0_method="dio")).n_kept == 0


def test_versions_have_features_which_are_recomputed_when_their_number_changes() -> None:
    clip = add_clip("anna/a.wav")
    configure()
    compute()
    assert read_features(features_path(clip)).versions == ()
    Config.read(CONFIG).with_values(data={"content_versions": 3}).write(CONFIG)
    assert compute().n_kept == 0
    features, _, versions = read_features(features_path(clip))
    assert len(versions) == 3
    assert all(one.content.shape == features.content.shape for one in versions)
    assert all(0.85 * 16 <= float(one.content.mean()) <= 1.18 * 16 for one in versions), "each at its own speed"
    assert all(one.loudness.shape == features.loudness.shape for one in versions)
    assert compute().n_kept == 1


def test_a_bad_clip_is_reported_and_the_others_are_processed() -> None:
    good, bad = add_clip("anna/good.wav"), add_clip("anna/bad.wav", seconds=1)
    configure()
    compute()
    content = bad.read_bytes()
    bad.write_bytes(content[: len(content) // 2])
    (CLIPS / "anna" / "text.wav").write_text("words and no sound")
    summary = compute(FeatureOptions(force_rebuild=True))
    assert summary.n_clips == 1
    assert [line for line in summary.failed if "bad.wav: it is truncated" in line]
    assert [line for line in summary.failed if "text.wav is text" in line]
    assert features_path(good).is_file()
    assert not features_path(bad).is_file(), "features of an earlier state of the clip are removed"


def test_features_that_are_not_finite_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = add_clip("anna/a.wav")
    configure()
    nothing = torch.full((43,), torch.nan)
    monkeypatch.setattr(Counter, "__call__", lambda self, audio: Features(nothing[None], nothing, nothing))
    assert [line for line in compute().failed if "contain NaN or infinity" in line]
    assert not features_path(clip).is_file()


def test_the_bandwidth_of_a_clip_is_stored_with_its_features() -> None:
    whole, once_16k = CLIPS / "anna" / "whole.wav", CLIPS / "anna" / "once 16 kHz.wav"
    whole.parent.mkdir(parents=True)
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE, np.float32)
    soundfile.write(whole, noise, RATE)
    soundfile.write(once_16k, resample(resample(noise, RATE, 16000), 16000, RATE), RATE)
    configure()
    compute()
    assert read_bandwidth(features_path(whole)) == RATE / 2
    assert 7120 < read_bandwidth(features_path(once_16k)) < 8000  # the resampler falls from 0.9 of it on


def test_an_unvoiced_clip_is_reported() -> None:
    add_clip("anna/voice.wav")
    (CLIPS / "boris").mkdir()
    soundfile.write(CLIPS / "boris" / "breath.wav", np.full(RATE, 0.01), RATE)
    configure()
    summary = compute()
    assert summary.unvoiced == (
        f"{CLIPS / 'boris' / 'breath.wav'} has no voiced frame; check that it contains a voice",
    )
    assert list(Config.read(CONFIG).pitch) == ["anna"]


def test_edits_of_the_configuration_in_the_meantime_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    add_clip("anna/a.wav")
    configure()
    original = Counter.__call__

    def edit_and_extract(self: Counter, audio: np.ndarray) -> Features:
        Config.read(CONFIG).with_values(train={"epochs": 77}).write(CONFIG)
        return original(self, audio)

    monkeypatch.setattr(Counter, "__call__", edit_and_extract)
    compute()
    config = Config.read(CONFIG)
    assert config.train.epochs == 77
    assert list(config.pitch) == ["anna"]


def test_a_configuration_that_does_not_fit_raises_before_the_work() -> None:
    add_clip("anna/a.wav")
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        compute()
    configure()
    add_clip("boris/a.wav")
    with pytest.raises(ConfigError, match="lacks the speakers boris; run svc pre-config again"):
        compute()
    configure()
    plain = json.loads(CONFIG.read_text(encoding="utf-8"))
    for model, message in (
        ({"speech_encoder": "whisper-base"}, "model.ssl_dim is 768, but whisper-base has 512 channels"),
        ({"speech_encoder": "hubert"}, "no content encoder 'hubert'; there are: .*vec768l12"),
    ):
        CONFIG.write_text(json.dumps(plain | {"model": plain["model"] | model}), encoding="utf-8")
        with pytest.raises(ConfigError, match=message):
            compute()
    CONFIG.write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(AudioError, match="no clips"):
        compute_features(Path("empty"), CONFIG)
    assert Counter.lengths == []


def test_a_missing_package_ends_the_work_at_the_first_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        add_clip(f"anna/{i}.wav")
    configure()
    tried = []

    def missing(self: Counter, *_: object) -> None:
        tried.append(self)
        raise MissingExtraError("the pitch of Praat", "parselmouth")

    monkeypatch.setattr(Counter, "__call__", missing)
    with pytest.raises(MynaError, match=r"^the pitch of Praat needs the extra 'parselmouth': pip install"):
        compute()
    assert len(tried) == 1


def test_a_gpu_has_one_process_and_a_cpu_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.training.prepare.features.n_cores", lambda: 16)
    assert _choose_jobs(None, 1000, "cuda:1") == 1
    assert _choose_jobs(None, 1000, "cpu") > 1
    assert _choose_jobs(None, 3, "cpu") == 1
    assert _choose_jobs(5, 1000, "cuda") == 5
    monkeypatch.setattr("myna.training.prepare.pool.n_cores", lambda: 16)
    assert _choose_jobs(-1, 2, "cpu") == 2
