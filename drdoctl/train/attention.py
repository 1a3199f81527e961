"""Attention over one flat row of many prompt trees, without padding and without a dense mask.

A tree is a prompt P with responses R_1 … R_K that all see P and themselves, never each other. Per tree
this is one causal call on [P, R_1], then for each further response its queries against the
keys of [P, R_k]: in `flash.py` on a CPU, through scaled_dot_product_attention elsewhere. A T x T mask would
cost T^2 and the kernels skip blocks only for plain causal attention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F
from transformers import AttentionInterface

from drdoctl.train.flash import Ends, Tree, tree_softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

NAME = "drdoctl_trees"


def _causal(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Causal attention of L queries on the last L of S keys. Shapes (1, H, L, D), (1, H, S, D)."""
    length, keys = query.shape[2], key.shape[2]
    if length == keys:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale)
    mask = torch.ones(length, keys, dtype=torch.bool, device=query.device).tril(keys - length)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)


def tree_attention(
    module: nn.Module,  # noqa: ARG001  # transformers' interface
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    trees: tuple[Tree, ...],
    queries: Ends | None = None,
    **unused: object,  # noqa: ARG001
) -> tuple[Tensor, None]:
    """Attend within each tree of the row.

    Shapes: query (1, H, Q, D); key, value (1, H_kv, T, D); result (1, Q, H, D). `trees` must cover T tokens; Q is T, or
    fewer where `queries` says how many of each stretch's last tokens have one.
    """
    if dropout:
        raise ValueError("dropout must be off: cached log-probabilities would not match")
    on_cpu = query.device.type == "cpu"
    # under autocast rotary positions widen queries and keys. On a CPU all three are wide: in bfloat16 its flash kernels
    # take 1.4 times as long
    dtype = torch.promote_types(value.dtype, torch.float32) if on_cpu else value.dtype
    query, key, value = (tensor.to(dtype) for tensor in (query, key, value))
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if on_cpu:
        return tree_softmax(query, key, _own(value), trees, scale, queries).transpose(1, 2), None
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    return _by_segment(query, key, value, trees, scale, queries).transpose(1, 2).contiguous(), None


def _own(tensor: Tensor) -> Tensor:
    """Return a copy where the tensor is a part of a fused projection, all of which the backward pass would keep."""
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def _by_segment(
    query: Tensor, key: Tensor, value: Tensor, trees: Sequence[Tree], scale: float, ends: Ends | None = None
) -> Tensor:
    """Attend tree by tree through scaled_dot_product_attention, which any device has. (1, H, Q, D) -> (1, H, Q, D)."""
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


AttentionInterface.register(NAME, tree_attention)
