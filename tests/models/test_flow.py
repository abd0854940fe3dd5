"""The flow is invertible."""

from __future__ import annotations

import pytest
import torch

from myna.config import ModelConfig
from myna.models.flow import Flow


@pytest.mark.parametrize("transformer", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("depthwise", [False, True])
def test_the_inverse_restores_the_input(transformer: bool, shared: bool, depthwise: bool) -> None:
    torch.manual_seed(0)
    model = ModelConfig(
        latent_channels=8,
        hidden_channels=16,
        filter_channels=32,
        speaker_channels=4,
        dropout=0.0,
        use_transformer_flow=transformer,
        share_flow_parameters=shared,
        use_depthwise_conv=depthwise,
    )
    flow = Flow.of(model)
    for name, parameter in flow.named_parameters():
        if "projection" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    latent, speaker = torch.randn(2, 8, 20), torch.randn(2, 4, 1)
    there = flow(latent, speaker)
    assert (there - latent).abs().max() > 0.1
    torch.testing.assert_close(flow(there, speaker, inverse=True), latent, rtol=1e-4, atol=1e-4)


def test_the_untrained_flow_is_a_permutation() -> None:
    latent, speaker = torch.randn(1, 192, 5), torch.randn(1, 256, 1)
    torch.testing.assert_close(Flow.of(ModelConfig())(latent, speaker), latent)
