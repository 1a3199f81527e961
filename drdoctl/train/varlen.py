"""Tree attention on a GPU by torch's flash kernels for variable lengths: two calls a layer for any number of trees.

The first attends causally within each stretch of queries, the second to the keys before it: its prompt's, and those
of its own stretch that have no queries. The two are joined by their log-sum-exps, and go backward, as in `flash.py`.
The kernels' signatures are torch's private ones, so a device gets them after they have given the right result and
gradients on it once (`trusted`), and attention by segment otherwise.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import accumulate, chain
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from drdoctl.train.flash import Ends, Tree, parts
from drdoctl.train.segments import by_segment

WIDEST = 256
"""The widest head that the kernels know."""
MULTIPLE = 8
"""Heads are filled with zeros to a multiple of so many columns."""
CAPABILITY = (8, 0)
"""The oldest devices with these kernels (Ampere)."""
TRIAL: tuple[Tree, ...] = ((5, (70, 9, 1)), (130, (3,)), (4, ()))
TOLERANCE = 0.02
"""Largest difference in a trial, in the largest value: bfloat16 has three digits."""


class Side(NamedTuple):
    """The queries of one call, or its keys: which rows of the tensor, where each sequence begins, and the longest."""

    places: Tensor
    starts: Tensor
    most: int


class Call(NamedTuple):
    """One call over many sequences."""

    rows: Side
    keys: Side
    causal: bool


@lru_cache(maxsize=8)
def calls(trees: tuple[Tree, ...], ends: Ends | None, device: torch.device) -> tuple[Call, ...]:
    """Return the calls over a row of trees; all layers share them. Every query has a part in one or in two."""
    stretches = list(parts(trees, ends))
    causal = [(rows, [keys]) for stretch in stretches for rows, keys, own in stretch if own]
    before = [
        (stretch[0][0], keys)
        for stretch in stretches
        if (keys := [keys for _, keys, own in stretch if not own and keys.stop > keys.start])
    ]
    return tuple(_call(some, own, device) for some, own in ((causal, True), (before, False)) if some)


def _call(some: Sequence[tuple[slice, list[slice]]], causal: bool, device: torch.device) -> Call:
    return Call(_side([[rows] for rows, _ in some], device), _side([keys for _, keys in some], device), causal)


def _side(sequences: Sequence[list[slice]], device: torch.device) -> Side:
    indices = [[index for one in slices for index in range(one.start, one.stop)] for slices in sequences]
    lengths = [len(one) for one in indices]
    starts = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device)  # what the kernels take
    return Side(torch.tensor([*chain(*indices)], device=device), starts, max(lengths))


class _Attention(torch.autograd.Function):
    """Attention over packed rows: queries (Q, H, D), keys and values (T, H_kv, D)."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, plan: tuple[Call, ...], scale: float) -> Tensor:
        out = torch.zeros_like(query)
        total = query.new_full((query.shape[1], query.shape[0]), -torch.inf, dtype=_wide(query))
        for call in plan:
            part, own = forward(query[call.rows.places], key[call.keys.places], value[call.keys.places], call, scale)
            before = total[:, call.rows.places]
            joined = torch.logaddexp(before, own)
            weight = (own - joined).exp().T.unsqueeze(-1)
            out[call.rows.places] = torch.lerp(
                out[call.rows.places].to(weight.dtype), part.to(weight.dtype), weight
            ).to(out.dtype)
            total[:, call.rows.places] = joined
        ctx.save_for_backward(query, key, value, out, total)
        ctx.plan, ctx.scale = plan, scale
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        query, key, value, out, total = ctx.saved_tensors
        sums = [torch.zeros_like(tensor) for tensor in (query, key, value)]
        for call in ctx.plan:
            given = backward(
                grads[0][call.rows.places],
                query[call.rows.places],
                key[call.keys.places],
                value[call.keys.places],
                out[call.rows.places],
                total[:, call.rows.places].contiguous(),
                call,
                ctx.scale,
            )
            for whole, rows, part in zip(
                sums, (call.rows.places, call.keys.places, call.keys.places), given, strict=True
            ):
                whole.index_add_(0, rows, part)
        return *sums, None, None


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)


def forward(query: Tensor, key: Tensor, value: Tensor, call: Call, scale: float) -> tuple[Tensor, Tensor]:
    """Return a call's result, (Q, H, D), and the log-sum-exps of its scores, (H, Q)."""
    out, total, *_ = torch.ops.aten._flash_attention_forward(  # noqa: SLF001  # gives the log-sum-exp
        query,
        key,
        value,
        call.rows.starts,
        call.keys.starts,
        call.rows.most,
        call.keys.most,
        0.0,
        call.causal,
        False,
        scale=scale,
    )
    return out, total


def backward(
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, out: Tensor, total: Tensor, call: Call, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of a call's queries, keys and values, from the joined result and log-sum-exps."""
    seed = torch.zeros(2, dtype=torch.uint64, device=query.device)  # of a dropout that there is not
    return torch.ops.aten._flash_attention_backward(  # noqa: SLF001
        grad,
        query,
        key,
        value,
        out,
        total,
        call.rows.starts,
        call.keys.starts,
        call.rows.most,
        call.keys.most,
        0.0,
        call.causal,
        seed,
        torch.empty(0, device=query.device),
        scale=scale,
    )


def tree_varlen(
    query: Tensor, key: Tensor, value: Tensor, trees: Sequence[Tree], scale: float, ends: Ends | None = None
) -> Tensor:
    """Return softmax(q k' scale) v within each tree. Shapes: (1, H, Q, D), (1, H_kv, T, D) twice -> (1, H, Q, D).

    Q is T, or with `ends` their sum; H is a multiple of H_kv.
    """
    width = query.shape[-1]
    packed = [
        functional.pad(tensor.squeeze(0).transpose(0, 1), (0, -width % MULTIPLE)).contiguous()
        for tensor in (query, key, value)
    ]
    out = _Attention.apply(*packed, calls(tuple(trees), ends, query.device), scale)
    return out[..., :width].transpose(0, 1).unsqueeze(0)


def fits(query: Tensor, key: Tensor) -> bool:
    """Tell whether these kernels may be used for such queries and keys, on their device."""
    device, width = query.device, query.shape[-1]
    if query.dtype not in (torch.bfloat16, torch.float16) or width > WIDEST:
        return False
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < CAPABILITY:
        return False
    return trusted(device, query.dtype, width, query.shape[1] // key.shape[1])


@lru_cache(maxsize=64)
def trusted(device: torch.device, dtype: torch.dtype, width: int, shared: int) -> bool:
    """Tell whether result and gradients are right on a device, in a trial that takes milliseconds; warn if not."""
    try:
        # in a thread of its own: autocast, and what keeps saved tensors elsewhere or drops them, are a thread's own
        with ThreadPoolExecutor(1) as apart:
            worst = apart.submit(_worst, device, dtype, width, shared).result()
    except (RuntimeError, TypeError, AttributeError, NotImplementedError) as error:
        why = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no details'}"
    else:
        if worst <= TOLERANCE:
            return True
        why = f"it is {worst:.2g} away from the plain computation"
    warnings.warn(f"flash attention over variable lengths is not used on {device}: {why}", stacklevel=2)
    return False


def _worst(device: torch.device, dtype: torch.dtype, width: int, shared: int) -> float:
    """Return the largest difference of the result and the gradients from float32's, in units of the largest value."""
    tokens = sum(prompt + sum(responses) for prompt, responses in TRIAL)
    stream = torch.Generator().manual_seed(0)
    query, key, value, grad = (
        torch.randn(1, heads, tokens, width, generator=stream).to(device, dtype) for heads in (shared, 1, 1, shared)
    )
    made = []
    for attend, kind in ((tree_varlen, dtype), (by_segment, torch.float32)):
        own = q, k, v = tuple(tensor.to(kind).requires_grad_() for tensor in (query, key, value))
        out = attend(q, k, v, TRIAL, width**-0.5)
        made.append([out.detach(), *torch.autograd.grad(out, own, grad.to(kind))])
    return max(
        float((found.float() - right).abs().max() / right.abs().max()) for found, right in zip(*made, strict=True)
    )
