"""Table of the parts of training that depend on the family of the synthesizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from myna.audio.spectrogram import MelSettings, mel_spectrogram, spectrogram_to_mel
from myna.config import Config, SynthesizerKind
from myna.errors import ConfigError
from myna.models.interface import TrainableSynthesizer, TrainingOutput
from myna.models.layers.frames import slice_segments
from myna.models.layers.subbands import PseudoQmf
from myna.models.synthesizers.light import LightSynthesizer
from myna.models.synthesizers.trainable_vocoder import TrainableVocoder
from myna.models.synthesizers.vits import Vits
from myna.training import vocoder
from myna.training.clip_list import Clip
from myna.training.features_file import features_path, read_bandwidth
from myna.training.losses import Losses, kl_loss, spectral_losses, subband_loss
from myna.zoo.sovits import generator_from_stored, generator_to_stored

# Maximum number of a clip's frames that are encoded to latents in training, as in the predecessors.
MAX_FRAMES = 800
# Quantile of the clips' bandwidths that is a speaker's bandwidth: close to the maximum, but robust to outliers.
_BANDWIDTH_QUANTILE = 0.9


class ReconstructionLosses(Protocol):
    """Function that computes a synthesizer's losses by name, except those that use the discriminators."""

    def __call__(self, recording: Tensor, spectrogram: Tensor, bandwidth_hz: Tensor, output: TrainingOutput) -> Losses:
        """
        Args:
            recording: segments of the recordings that correspond to `output`, (B, 1, N).
            spectrogram: linear magnitude spectrograms of the whole excerpts, (B, n_fft / 2 + 1, T).
            bandwidth_hz: highest frequency in each recording, (B,).
        """
        ...


@dataclass(frozen=True)
class TrainingFamily:
    """Parts of training that depend on the family of the synthesizer."""

    create: Callable[[Config], TrainableSynthesizer]
    excerpt_frames: Callable[[Config], int]  # maximum number of frames of an excerpt
    losses: Callable[[Config, torch.device], ReconstructionLosses]
    prepare: Callable[[TrainableSynthesizer, Sequence[Clip]], None]  # called once before the first step
    # Functions that rename tensors to the names in checkpoints, and back.
    to_stored: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = generator_to_stored
    from_stored: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = generator_from_stored
    # Function that returns the first weights, under the names of the network, and a phrase that names their origin,
    # given `TrainOptions.pretrained_dir`; None if training starts from `G_0.pth` and `D_0.pth`.
    base: Callable[[Config, Path | None], tuple[dict[str, Tensor], str]] | None = None
    # Function that writes the trained weights, under their names in files, to a folder in another form besides the
    # checkpoint, and returns the path; None if the checkpoint is the only form.
    publish: Callable[[Config, Mapping[str, Tensor], Path], Path] | None = None


def mel_loss(spectrogram: Tensor, output: TrainingOutput, settings: MelSettings) -> Tensor:
    """L1 distance between the log-mel spectrograms of the generated segments and of the recording.

    Args:
        spectrogram: linear magnitude spectrograms of the whole excerpts, (B, n_fft / 2 + 1, T).
    """
    audio = output.audio
    segments = slice_segments(spectrogram, output.segment_starts, audio.shape[2] // settings.hop_length)
    return F.l1_loss(mel_spectrogram(audio.squeeze(1), settings), spectrogram_to_mel(segments, settings))


class VitsLosses:
    """Losses of VITS (Kim, Kong and Son 2021): mel, KL, f0 (with a predictor), and sub-bands (mb-istft decoders)."""

    def __init__(self, config: Config, device: torch.device) -> None:
        self.config = config
        with_subbands = config.model.decoder == "mb-istft"
        self.filter_bank = PseudoQmf(config.model.n_subbands).to(device) if with_subbands else None

    def __call__(self, recording: Tensor, spectrogram: Tensor, bandwidth_hz: Tensor, output: TrainingOutput) -> Losses:
        assert output.latents is not None
        losses = {
            "mel": mel_loss(spectrogram, output, MelSettings.of(self.config.data)),
            "kl": kl_loss(output.latents),
        }
        if output.f0_predicted is not None and output.f0_target is not None:
            losses["f0"] = F.mse_loss(output.f0_predicted, output.f0_target)
        if self.filter_bank is not None and output.subbands is not None:
            losses["subband"] = subband_loss(self.filter_bank.analysis(recording), output.subbands, self.config.train)
        return losses


class VocoderLosses:
    """Mel loss of HiFi-GAN (Kong, Kim and Bae 2020), over the whole band and not only the vocoder's mel range."""

    def __init__(self, config: Config, device: torch.device) -> None:
        self.settings = replace(MelSettings.of(config.data), mel_fmin=0.0, mel_fmax=None)

    def __call__(self, recording: Tensor, spectrogram: Tensor, bandwidth_hz: Tensor, output: TrainingOutput) -> Losses:
        return {"mel": mel_loss(spectrogram, output, self.settings)}


class LightLosses:
    """Losses of the light voice: log-magnitude distances at two resolutions, up to the recording's bandwidth."""

    def __init__(self, config: Config, device: torch.device) -> None:
        self.sample_rate = config.data.sample_rate

    def __call__(self, recording: Tensor, spectrogram: Tensor, bandwidth_hz: Tensor, output: TrainingOutput) -> Losses:
        return spectral_losses(recording.squeeze(1), output.audio.squeeze(1), bandwidth_hz, self.sample_rate)


def training_family(config: Config) -> TrainingFamily:
    """Return the training family of the synthesizer that `config` selects.

    Raises:
        ConfigError: this kind of synthesizer cannot be trained.
    """
    kind = config.model.synthesizer
    if kind not in _FAMILIES:
        trainable = ", ".join(_FAMILIES)
        raise ConfigError(
            f"a voice of the synthesizer {kind!r} can be used but not trained; trainable are: {trainable}. "
            "Begin a voice of your own with svc pre-config"
        )
    return _FAMILIES[kind]


def segment_frames(config: Config) -> int:
    """Return the number of frames of each clip that the decoder generates in a training step."""
    return config.train.segment_size // config.data.hop_length


def _create_light(config: Config) -> TrainableSynthesizer:
    synthesizer = LightSynthesizer(config.model, config.data)
    synthesizer.pitch_jitter = config.train.pitch_jitter
    return synthesizer


def _set_bandwidths(synthesizer: TrainableSynthesizer, clips: Sequence[Clip]) -> None:
    found: dict[int, list[float]] = {}
    for clip in clips:
        found.setdefault(clip.speaker, []).append(read_bandwidth(features_path(clip.path)))
    synthesizer.set_bandwidths(
        {speaker: float(np.quantile(all_hz, _BANDWIDTH_QUANTILE)) for speaker, all_hz in found.items()}
    )


_FAMILIES: Mapping[SynthesizerKind, TrainingFamily] = {
    "vits": TrainingFamily(
        create=lambda config: Vits(config.model, config.data),
        excerpt_frames=lambda config: MAX_FRAMES,
        losses=VitsLosses,
        prepare=lambda synthesizer, clips: None,
    ),
    "direct": TrainingFamily(
        create=_create_light,
        excerpt_frames=segment_frames,  # without latents, the rest of the clip has no effect
        losses=LightLosses,
        prepare=_set_bandwidths,
    ),
    "vocoder": TrainingFamily(
        create=lambda config: TrainableVocoder(config.model, config.data),
        excerpt_frames=segment_frames,
        losses=VocoderLosses,
        prepare=lambda synthesizer, clips: None,
        to_stored=vocoder.to_stored,
        from_stored=vocoder.from_stored,
        base=vocoder.base_weights,
        publish=vocoder.publish,
    ),
}
