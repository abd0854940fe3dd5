"""The synthesizer of so-vits-svc 3.0, for its voices to sing.

It is that of 4.0 but for a few things: the prior's first convolution sees one frame and its transformer is deeper, no
embedding tells what is voiced, no f0 is predicted.
"""

from __future__ import annotations

from torch import Tensor, nn

from myna.config import DataConfig, ModelConfig
from myna.models.decoders.nsf_hifigan import NsfHifiGan
from myna.models.flow import Flow
from myna.models.layers.gaussian import Gaussian
from myna.models.prior import PriorEncoder
from myna.models.synthesizers.inference_vits import InferenceVits


class Sovits3Synthesizer(InferenceVits):
    """Sing given content at a given pitch with a speaker's voice."""

    usual_noise_scale = 1.0  # of its own tool, which samples the prior as it is

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__()
        self.speaker_embedding = nn.Embedding(model.n_speakers, model.speaker_channels)
        self.content_projection = nn.Conv1d(model.content_channels, model.hidden_channels, kernel_size=1)
        self.prior = PriorEncoder(model)
        self.decoder = NsfHifiGan(model, data)
        self.flow = Flow(model)

    def predict(self, content: Tensor, pitch: Tensor) -> Gaussian:
        prior: Gaussian = self.prior(self.content_projection(content), pitch)
        return prior
