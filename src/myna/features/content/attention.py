"""Self-attention, shared by several encoders."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """Self-attention over all frames. Subclasses create the projections, under the names in their weights files."""

    q_proj: nn.Module
    k_proj: nn.Module
    v_proj: nn.Module
    out_proj: nn.Module
    n_heads: int

    def forward(self, hidden: Tensor) -> Tensor:
        """Apply self-attention to hidden frames (B, T, C); the shape is kept."""
        query, key, value = (
            projection(hidden).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(query, key, value)
        output: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(-2))
        return output
