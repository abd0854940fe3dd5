"""The part of VITS (Kim, Kong and Son 2021) for conversion, shared by voices of so-vits-svc 3.0 and RVC.

content, f0 ──► prior ──► sample ──► inverse flow ──► decoder ──► audio
                                      speaker ▲          ▲ speaker, f0

These voices were trained with an f0 of 0 Hz in unvoiced frames, and have no other input for voicing. Voices of
so-vits-svc 4, in contrast, take an f0 that is interpolated over unvoiced frames, and voicing as a separate input.
"""

from __future__ import annotations

from torch import Tensor, nn

from myna.models.flow import Flow
from myna.models.interface import Conditions, Decoder, DecoderConditions, Generated, Sampling, SynthesizerModule
from myna.models.layers.gaussian import Gaussian
from myna.models.layers.speakers import embed_speaker


class InferenceVits(SynthesizerModule):
    """VITS without a posterior encoder. Loudness is ignored, and f0 is never predicted."""

    speaker_embedding: nn.Embedding
    decoder: Decoder
    flow: Flow

    def synthesize(self, conditions: Conditions, sampling: Sampling) -> Generated:
        f0 = conditions.f0 * conditions.voiced.to(conditions.f0.dtype)
        speaker = embed_speaker(self.speaker_embedding, conditions.speaker)
        prior = self.predict(conditions.content, f0)
        latent = prior.at(sampling.noise.normal("latent_noise", prior.mean.shape, prior.mean), sampling.noise_scale)
        decoded = self.flow(latent, speaker, inverse=True)
        waveform = self.decoder(decoded, DecoderConditions(f0, speaker), sampling.noise)
        return Generated(waveform.audio, conditions.f0)

    def predict(self, content: Tensor, f0: Tensor) -> Gaussian:
        """Return the prior distribution.

        Args:
            content: (B, content_channels, T).
            f0: in Hz, 0 in unvoiced frames, (B, T).

        Returns:
            The distribution of latents (B, latent_channels, T).
        """
        raise NotImplementedError
