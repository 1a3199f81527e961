"""Attention while sampling: each row's newest token to its own columns of the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "drdoctl_places"
BLOCK = 8
"""Rows that share a call on a CPU. A call reads as many columns of each as its longest row has, but is not free."""


def seen_by(at: Tensor, width: int, config: Any) -> Tensor | dict[str, Tensor]:
    """Return what the tokens at these positions, shape (N,), see of `width` columns: masks of shape (N, 1, 1, width).

    Ready made, so that transformers need not make one in every step; by kind of layer, where a model has two.
    """
    ago = at[:, None, None, None] - torch.arange(width, device=at.device)
    whole, window = ago >= 0, getattr(config, "sliding_window", None)
    if window is None:
        return whole
    near = whole & (ago < window)
    return {"full_attention": whole, "sliding_attention": near} if getattr(config, "layer_types", None) else near


def place_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    widths: Sequence[int] = (),
    **more: Any,
) -> tuple[Tensor, None]:
    """Attend by scaled_dot_product_attention, on a CPU by blocks of rows that have their own number of columns.

    Shapes: query (N, H, L, D); key, value (N, H_kv, S, D); result (N, L, H, D). `widths`: the columns of each block of
    `BLOCK` rows, where L is 1; none for prompts.
    """
    if len(widths) < 2 or query.device.type != "cpu" or attention_mask is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **more)
    parts = []
    for block, width in enumerate(widths):
        rows = slice(block * BLOCK, (block + 1) * BLOCK)
        seen = attention_mask[rows, ..., :width]
        found = sdpa_attention_forward(module, query[rows], key[rows, :, :width], value[rows, :, :width], seen, **more)
        parts.append(found[0])
    return torch.cat(parts), None


AttentionInterface.register(NAME, place_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
