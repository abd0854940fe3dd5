"""What the voices of so-vits-svc 3.0 and RVC have in common: VITS (Kim, Kong and Son 2021), for generating only.

content, f0 ──► prior ──► sample ──► flow, inverted ──► decoder ──► audio
                                       speaker ▲           ▲ speaker, f0

They learned a pitch that is 0 Hz where the voice is unvoiced, and so tell what is voiced by the pitch alone; those of
so-vits-svc 4 learned one without gaps, and the voicing beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from myna.models.flow import Flow
from myna.models.interface import Generated
from myna.models.layers.convolution import fuse_weight_norm
from myna.models.layers.gaussian import Gaussian
from myna.models.layers.speakers import embed_speaker


class InferenceVits(nn.Module):
    """Sing given content at a given pitch with a speaker's voice: a `Singer`."""

    speaker_embedding: nn.Embedding
    decoder: nn.Module
    flow: Flow

    @torch.inference_mode()
    def generate(
        self,
        content: Tensor,
        f0: Tensor,
        voiced: Tensor,
        speaker: Tensor,
        loudness: Tensor | None = None,
        *,
        noise_scale: float,
        predict_f0: bool = False,
        generator: torch.Generator | None = None,
    ) -> Generated:
        """Sing; see `Singer.generate`. Loudness is not followed, and no pitch is predicted."""
        pitch = f0 * voiced.to(f0.dtype)
        voice = embed_speaker(self.speaker_embedding, speaker)
        latent = self.predict(content, pitch).sample(noise_scale, generator)
        waveform = self.decoder(self.flow(latent, voice, inverse=True), pitch, voice, generator)
        return Generated(waveform.audio, f0)

    def fuse(self) -> None:
        """Make it lean: weight norms become plain weights."""
        fuse_weight_norm(self)

    def predict(self, content: Tensor, pitch: Tensor) -> Gaussian:
        """The prior.

        Args:
            content: (B, content_channels, T).
            pitch: Hz, 0 where unvoiced, (B, T).

        Returns:
            Over (B, latent_channels, T).
        """
        raise NotImplementedError
