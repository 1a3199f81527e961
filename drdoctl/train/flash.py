"""Tree attention on a CPU by torch's flash kernels on views of the row: no joined keys, no masks.

A further response attends to its prompt and to itself in two calls, without a mask and causal, whose results are
weighed by their log-sum-exps, as blocks are in flash attention itself (Dao et al., arXiv 2205.14135, algorithm 1). The
backward kernel needs nothing but the result and the log-sum-exp of the whole, so it takes the two parts as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

Tree = tuple[int, tuple[int, ...]]
"""Prompt length and the lengths of its responses, in the order in which they lie in the row."""
Part = tuple[slice, slice, bool]
"""Queries, keys, and whether a query sees no key beyond its own place."""


def parts(trees: Sequence[Tree]) -> Iterator[list[Part]]:
    """Yield, for each stretch of the row, the calls that give its attention: one, or two to be joined."""
    at = 0
    for prompt, responses in trees:
        first = slice(at, at + prompt + sum(responses[:1]))
        yield [(first, first, True)]
        end = first.stop
        for length in responses[1:]:
            own = slice(end, end + length)
            yield [(own, own, True), (own, slice(at, at + prompt), False)]
            end = own.stop
        at = end


class _Attention(torch.autograd.Function):
    """`tree_softmax`, with its gradient."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, trees: Sequence[Tree], scale: float) -> Tensor:
        _, heads, tokens, width = query.shape
        out = query.new_empty(1, tokens, heads, width).transpose(1, 2)
        total = query.new_empty(1, heads, tokens)
        for calls in parts(trees):
            made = [_forward(query[:, :, q], key[:, :, k], value[:, :, k], causal, scale) for q, k, causal in calls]
            rows = calls[0][0]
            out[:, :, rows], total[:, :, rows] = made[0] if len(made) == 1 else _joined(*made)
        ctx.save_for_backward(query, key, value, out, total)
        ctx.trees, ctx.scale = trees, scale
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        query, key, value, out, total = ctx.saved_tensors
        sums = [torch.empty_like(tensor) for tensor in (query, key, value)]
        for calls in parts(ctx.trees):
            for index, (q, k, causal) in enumerate(calls):
                given = _backward(grads[0], query, key, value, out, total, (q, k, causal), ctx.scale)
                for whole, rows, part in zip(sums, (q, k, k), given, strict=True):
                    # the first call of a stretch is the first to reach its rows; the second adds to its queries' and,
                    # as other responses' calls do, to the prompt's
                    (whole[:, :, rows].add_ if index else whole[:, :, rows].copy_)(part)
        return *sums, None, None


def tree_softmax(query: Tensor, key: Tensor, value: Tensor, trees: Sequence[Tree], scale: float) -> Tensor:
    """Return softmax(q k' scale) v within each tree. Shapes: (1, H, T, D) three times -> (1, H, T, D).

    float32 or float64, on a CPU.
    """
    return _Attention.apply(query, key, value, trees, scale)


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
