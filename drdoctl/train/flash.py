"""Tree attention on a CPU by torch's flash kernels on views of the row: no joined keys, no masks.

A further response attends to its prompt and to itself in two calls, without a mask and causal, whose results are
weighed by their log-sum-exps, as blocks are in flash attention itself (Dao et al., arXiv 2205.14135, algorithm 1). The
backward kernel needs nothing but the result and the log-sum-exp of the whole, so it takes the two parts as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

Tree = tuple[int, tuple[int, ...]]
"""Prompt length and the lengths of its responses, in the order in which they lie in the row."""
Ends = tuple[tuple[int, ...], ...]
"""Tree by tree, how many last tokens have queries: of prompt and first response together, and of each further one."""
Part = tuple[slice, slice, bool]
"""Queries, keys, and whether a query sees no key beyond its own place."""


def parts(trees: Sequence[Tree], ends: Ends | None = None) -> Iterator[list[Part]]:
    """Yield, for each stretch of queries, the calls that give its attention: one, or more to be joined.

    With `ends` there are queries for the last tokens of each stretch alone, one after the other.
    """
    at = row = 0
    for tree, (prompt, responses) in enumerate(trees):
        start = at
        for index, length in enumerate((prompt + sum(responses[:1]), *responses[1:])):
            count = length if ends is None else ends[tree][index]
            rows = slice(row, row + count)
            of_prompt = [(rows, slice(at, at + prompt), False)] if index else []
            if count:
                yield [*_own(rows, slice(start, start + length)), *of_prompt]
            row, start = rows.stop, start + length
        at = start


def _own(rows: slice, keys: slice) -> list[Part]:
    """Return the calls over a stretch's own keys, of which the queries are the last."""
    first = keys.stop - (rows.stop - rows.start)
    if first == keys.start or first == keys.stop - 1:
        return [(rows, keys, first == keys.start)]
    return [(rows, slice(first, keys.stop), True), (rows, slice(keys.start, first), False)]


Five = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Queries, keys, values, the result, and each head's log-sum-exp."""


class _Attention(torch.autograd.Function):
    """`tree_softmax`, with its gradient."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, trees: Sequence[Tree], scale: float, ends: Ends | None
    ) -> Tensor:
        _, heads, rows, width = query.shape
        out = query.new_empty(1, rows, heads, width).transpose(1, 2)
        total = query.new_empty(1, heads, rows)
        q_of, k_of, v_of, out_of, total_of = _grouped(query, key, value, out, total)
        for calls in parts(trees, ends):
            made = [_forward(q_of[:, :, q], k_of[:, :, k], v_of[:, :, k], causal, scale) for q, k, causal in calls]
            out_of[:, :, calls[0][0]], total_of[:, :, calls[0][0]] = reduce(_joined, made)
        ctx.save_for_backward(query, key, value, out, total)
        ctx.trees, ctx.scale, ctx.ends = trees, scale, ends
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        query, key, value, out, total = ctx.saved_tensors
        saved = _grouped(query, key, value, out, total)
        grad = _split(grads[0], key.shape[1])
        sums = [torch.zeros_like(tensor) for tensor in (query, key, value)]
        wholes = [_split(tensor, key.shape[1]) for tensor in sums]
        for calls in parts(ctx.trees, ctx.ends):
            for q, k, causal in calls:
                given = _backward(grad, *saved, (q, k, causal), ctx.scale)
                for whole, rows, part in zip(wholes, (q, k, k), given, strict=True):
                    # keys and values have the sum of their queries' gradients
                    whole[:, :, rows] += part if whole.shape[1] == part.shape[1] else part.sum(1, keepdim=True)
        return *sums, None, None, None


def _split(tensor: Tensor, kv_heads: int) -> Tensor:
    """Return the heads, (1, H, ...), by the keys and values they share: a view (H_kv, H / H_kv, ...)."""
    return tensor.squeeze(0).unflatten(0, (kv_heads, -1))


def _grouped(query: Tensor, key: Tensor, value: Tensor, out: Tensor, total: Tensor) -> Five:
    """Return views in which a head's keys and values are those that it shares: not copied for each head."""
    kv_heads = key.shape[1]
    query, out, total = (_split(tensor, kv_heads) for tensor in (query, out, total))
    key, value = (_split(tensor, kv_heads).expand(-1, query.shape[1], -1, -1) for tensor in (key, value))
    return query, key, value, out, total


def tree_softmax(
    query: Tensor, key: Tensor, value: Tensor, trees: Sequence[Tree], scale: float, ends: Ends | None = None
) -> Tensor:
    """Return softmax(q k' scale) v within each tree. Shapes: (1, H, Q, D), (1, H_kv, T, D) twice -> (1, H, Q, D).

    float32 or float64, on a CPU. Q is T, or with `ends` their sum; H is a multiple of H_kv.
    """
    return _Attention.apply(query, key, value, trees, scale, ends)


def _forward(query: Tensor, key: Tensor, value: Tensor, causal: bool, scale: float) -> tuple[Tensor, Tensor]:
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value, 0.0, causal, scale=scale)  # noqa: SLF001  # gives the log-sum-exp


def _joined(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Weigh two results over different keys of the same queries."""
    total = torch.logaddexp(one[1], other[1])
    weight = (other[1] - total).exp_().unsqueeze(-1)
    return torch.lerp(one[0], other[0], weight), total


def _backward(
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, out: Tensor, total: Tensor, part: Part, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    q, k, causal = part
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(  # noqa: SLF001
        grad[:, :, q],
        query[:, :, q],
        key[:, :, k],
        value[:, :, k],
        out[:, :, q],
        total[:, :, q],
        0.0,
        causal,
        scale=scale,
    )
