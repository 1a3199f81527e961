"""Tree attention segment by segment through scaled_dot_product_attention: slow with many trees, right on any device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from drdoctl.train.flash import Ends, Tree


def by_segment(
    query: Tensor, key: Tensor, value: Tensor, trees: Sequence[Tree], scale: float, ends: Ends | None = None
) -> Tensor:
    """Attend tree by tree through scaled_dot_product_attention, which any device has. (1, H, Q, D) -> (1, H, Q, D)."""
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    # split, not slices: slicing makes a zero-filled gradient of the whole row for each slice
    lengths = [length for prompt, responses in trees for length in (prompt, *responses)]
    whole = [(prompt + sum(responses[:1]), *responses[1:]) for prompt, responses in trees]
    keys, values = (tensor.split(lengths, dim=2) for tensor in (key, value))
    queries = iter(query.split([count for tree in ends or whole for count in tree], dim=2))
    out: list[Tensor] = []
    at = 0
    for _prompt, responses in trees:
        for index in range(max(1, len(responses))):
            own = [at, *([at + 1 + index] * bool(responses))]
            joined_key, joined_value = (torch.cat([side[part] for part in own], dim=2) for side in (keys, values))
            out.append(_causal(next(queries), joined_key, joined_value, scale))
        at += 1 + len(responses)
    return torch.cat(out, dim=2)


def _causal(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Causal attention of L queries on the last L of S keys. Shapes (1, H, L, D), (1, H, S, D)."""
    length, keys = query.shape[2], key.shape[2]
    if length == keys:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale)
    mask = torch.ones(length, keys, dtype=torch.bool, device=query.device).tril(keys - length)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)
