"""Filter banks and short-time spectra reconstruct signals."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from myna.models.layers.subbands import InverseStft, PseudoQmf, merge_subbands


def reconstruction_error_db(bank: PseudoQmf, delay: int) -> float:
    audio = torch.randn(2, 1, 4096, generator=torch.Generator().manual_seed(0))
    again = bank.synthesis(bank.analysis(audio))
    expected = audio.roll(delay, dims=2)[..., 128:-128]
    error = (again[..., 128:-128] - expected).square().mean() / expected.square().mean()
    return 10 * math.log10(error)


def test_synthesis_inverts_analysis_up_to_a_delay() -> None:
    assert reconstruction_error_db(PseudoQmf(), delay=1) < -16


def test_with_other_constants_the_filter_bank_is_nearly_perfect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PseudoQmf, "CUTOFF", 0.142)
    monkeypatch.setattr(PseudoQmf, "MODULATION_OFFSET", 0.0)
    assert reconstruction_error_db(PseudoQmf(), delay=0) < -60


@pytest.mark.parametrize("band", range(4))
def test_a_tone_appears_in_its_band(band: int) -> None:
    hz = (band + 0.5) / 8  # of the sample rate
    tone = torch.sin(2 * math.pi * hz * torch.arange(4096)).reshape(1, 1, -1)
    power = PseudoQmf().analysis(tone).square().mean(2)[0]
    assert power.argmax() == band
    assert power[band] / power.sum() > 0.999


def test_merging_equals_zero_insertion_and_filtering() -> None:
    torch.manual_seed(0)
    subbands, filters = torch.randn(2, 4, 50), torch.randn(1, 4, 63)
    spread = torch.zeros(2, 4, 200)
    spread[..., ::4] = 4 * subbands
    torch.testing.assert_close(merge_subbands(subbands, filters), F.conv1d(spread, filters, padding=31))


def test_the_spectra_of_a_signal_reconstruct_it() -> None:
    torch.manual_seed(0)
    signal = torch.randn(3, 400) * 0.1
    spectrum = torch.stft(signal, 16, 4, window=torch.hann_window(16), return_complex=True)
    # The corresponding network output: the phase is computed as pi * sin of it.
    as_network = torch.cat([spectrum.abs().log(), torch.asin(spectrum.angle() / math.pi)], dim=1)
    again = InverseStft(16, 4)(as_network.unsqueeze(0))
    torch.testing.assert_close(again[0], signal, rtol=1e-4, atol=1e-4)
