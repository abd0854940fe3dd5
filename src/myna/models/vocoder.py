"""Vocoders: audio from mel spectrograms and f0, and the mel analysis that each vocoder was trained with.

Two kinds are built from the parts of the decoders: NSF-HiFiGAN (Wang, Takaki and Yamagishi 2019; Kong, Kim and Bae
2020), which so-vits-svc 4.1, DDSP-SVC and DiffSinger use, and its successor PC-NSF-HiFiGAN
(`decoders.mini_nsf_hifigan`).
"""

from __future__ import annotations

from torch import Tensor, nn

from myna.audio.spectrogram import MelSettings, shifted_mel_spectrogram
from myna.models.decoders.mini_nsf_hifigan import MiniNsfHifiGan
from myna.models.decoders.nsf_hifigan import NsfHifiGan
from myna.models.interface import Decoder, DecoderConditions, NoiseSource, Waveform
from myna.models.layers.convolution import fuse_weight_norm
from myna.models.sizes import VocoderSizes


class Vocoder(nn.Module):
    """A vocoder and its mel analysis.

    mel = vocoder.analysis(audio)
    again = vocoder.synthesize(mel, f0, noise).audio
    """

    decoder: Decoder

    def __init__(self, sizes: VocoderSizes, mel: MelSettings) -> None:
        super().__init__()
        self.mel = mel
        self.decoder = (
            MiniNsfHifiGan(sizes.upsampling, mel.sample_rate, sizes.noise_sigma)
            if sizes.mini_nsf
            else NsfHifiGan(sizes.upsampling, mel.sample_rate, speaker_channels=None)
        )

    def synthesize(self, mel: Tensor, f0: Tensor, noise: NoiseSource) -> Waveform:
        """Compute audio from a mel spectrogram.

        Args:
            mel: natural logarithm of amplitudes, with the settings in `self.mel`, (B, n_mels, T).
            f0: in Hz, interpolated over unvoiced frames, (B, T).

        Returns:
            Audio between -1 and 1, (B, 1, T * hop_length).
        """
        return self.decoder(mel, DecoderConditions(f0), noise)

    def analysis(self, audio: Tensor, key_shift: float = 0.0, speed: float = 1.0) -> Tensor:
        """Return the mel spectrogram of `audio` (B, N), N at least one hop: (B, n_mels, N // hop_length).

        Args:
            key_shift: transposition of the spectrogram in semitones.
            speed: ratio of the hop length to the usual one; at 2, the spectrogram has half the frames.
        """
        return shifted_mel_spectrogram(audio, self.mel, key_shift, speed)

    def fuse(self) -> None:
        """Fuse the weight norms of a trained vocoder, so that it computes the same output faster."""
        fuse_weight_norm(self)
