"""Attention over one flat row of many prompt trees, without padding and without a dense mask.

A tree is a prompt P with responses R_1 … R_K that all see P and themselves, never each other. Per tree
this is one causal call on [P, R_1], then for each further response its queries against the
keys of [P, R_k]: in `flash.py` on a CPU, in `varlen.py` on a GPU, through scaled_dot_product_attention elsewhere. A
T x T mask would cost T^2 and the kernels skip blocks only for plain causal attention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import AttentionInterface

from drdoctl.train.flash import Ends, Tree, tree_softmax
from drdoctl.train.segments import by_segment
from drdoctl.train.varlen import fits, tree_varlen

if TYPE_CHECKING:
    from torch import Tensor, nn

NAME = "drdoctl_trees"


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
    attend = tree_varlen if fits(query, key) else by_segment
    return attend(query, key, value, trees, scale, queries).transpose(1, 2).contiguous(), None


def _own(tensor: Tensor) -> Tensor:
    """Return a copy where the tensor is a part of a fused projection, all of which the backward pass would keep."""
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


AttentionInterface.register(NAME, tree_attention)
