"""The synthesizer of so-vits-svc 3.0; conversion only.

Differences from the synthesizer of 4.0: the first convolution has a kernel of one frame, the transformer is deeper, and
there is neither a voicing embedding nor an f0 predictor.
"""

from __future__ import annotations

from torch import Tensor, nn

from myna.config import DataConfig, ModelConfig
from myna.models.decoders.nsf_hifigan import NsfHifiGan
from myna.models.flow import Flow
from myna.models.layers.gaussian import Gaussian
from myna.models.prior import PriorEncoder
from myna.models.sizes import TransformerSizes, UpsamplingSizes
from myna.models.synthesizers.inference_vits import InferenceVits


class Sovits3Synthesizer(InferenceVits):
    """The synthesizer of so-vits-svc 3.0."""

    usual_noise_scale = 1.0  # so-vits-svc 3.0 samples the prior without scaling

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        self.speaker_embedding = nn.Embedding(model.n_speakers, model.speaker_channels)
        self.content_projection = nn.Conv1d(model.content_channels, model.hidden_channels, kernel_size=1)
        self.prior = PriorEncoder(TransformerSizes.of(model), model.latent_channels)
        self.decoder = NsfHifiGan(UpsamplingSizes.of(model), data.sample_rate, model.speaker_channels)
        self.flow = Flow.of(model)

    def predict(self, content: Tensor, f0: Tensor) -> Gaussian:
        prior: Gaussian = self.prior(self.content_projection(content), f0)
        return prior
