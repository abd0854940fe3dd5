"""NSF-snake-HiFiGAN, the other decoder of so-vits-svc 4.1: NSF-HiFiGAN with BigVGAN's activation (Lee et al. 2022)."""

from __future__ import annotations

from myna.config import DataConfig, ModelConfig
from myna.models.decoders.nsf_hifigan import NsfHifiGan
from myna.models.layers.snake import AntiAliasedSnake


class NsfSnakeHifiGan(NsfHifiGan):
    """NSF-HiFiGAN whose activations are periodic, which suits what repeats."""

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        super().__init__(model, data, activation=AntiAliasedSnake, output_activation=AntiAliasedSnake)
