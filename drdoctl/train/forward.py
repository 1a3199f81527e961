"""From a flat batch to the numbers that losses read: log-probabilities and rewards, in one forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from drdoctl.core.numerics import widen
from drdoctl.train.batches import FlatBatch
from drdoctl.train.rounding import kernels_by_length, lacking

LOGITS_AT_ONCE = 1 << 24
"""Logits of at most this many cells (64 MiB in float32) are made at a time."""
LOGITS_KEPT = 1 << 26
"""Cells (256 MiB) that the backward pass finds; what is beyond is made again."""


@dataclass(frozen=True)
class Outputs:
    """What a forward pass gives for N responses."""

    logp: Tensor | None
    """Summed log-probability of the response's tokens, float64. Shape (N,)."""
    tokens: Tensor
    """Response tokens, float32. Shape (N,)."""
    reward: Tensor | None
    """The head's value at the response's last token, float32 or wider. Shape (N,)."""


def given(value: Tensor | None) -> Tensor:
    """Return an output that the forward pass was asked for."""
    if value is None:
        raise ValueError("the forward pass was not asked for this")
    return value


class _CrossEntropy(torch.autograd.Function):
    """-log softmax(logits)[target]. Shapes (m, V), (m,) -> (m,).

    Its gradient, softmax less one at the target, is made in the place of the one copy that the forward pass keeps,
    where torch's takes two more of the logits' size. Autograd refuses a second backward pass through it.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        logp, at = torch.log_softmax(logits, dim=-1), targets.unsqueeze(1)
        ctx.save_for_backward(logp, at)
        return logp.gather(1, at).squeeze(1).neg_()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        logp, at = ctx.saved_tensors
        grad = grads[0].unsqueeze(1)
        out = logp.exp_().mul_(grad)
        return out.scatter_(1, at, out.gather(1, at) - grad), None


def _token_nll(hidden: Tensor, targets: Tensor, lm_head: nn.Module) -> Tensor:
    """-log p of each target, float32 or wider. Shapes (m, D), (m,) -> (m,)."""
    count = len(targets)
    if kernels_by_length(hidden.device):
        more = lacking(count)
        hidden, targets = F.pad(hidden, (0, 0, 0, more)), F.pad(targets, (0, more))
    return _CrossEntropy.apply(widen(lm_head(hidden)), targets)[:count]


def places(reads: Tensor, wanted: Tensor) -> Tensor:
    """Return where the `wanted` places of the row lie among the ascending places `reads` whose states there are."""
    return torch.searchsorted(reads, wanted)


def sequence_logp(hidden: Tensor, batch: FlatBatch, lm_head: nn.Module, vocabulary: int) -> Tensor:
    """Sum the log-probabilities of each response's tokens.

    The LM head runs only over states that predict a response token, in chunks. The last are kept for the backward
    pass, which begins with them, those before are made again, so logits of [tokens, vocabulary] never exist.
    `hidden`: the states at `batch.reads`, shape (G + M, D). Returns shape (N,), float64.
    """
    states = hidden.index_select(0, places(batch.reads, batch.predict_at))
    rows = max(1, LOGITS_AT_ONCE // vocabulary)
    chunks = list(zip(states.split(rows), batch.targets.split(rows), strict=True))
    again = len(chunks) - max(1, LOGITS_KEPT // LOGITS_AT_ONCE)
    nll = [
        checkpoint(_token_nll, part, ids, lm_head, use_reentrant=False)
        if index < again
        else _token_nll(part, ids, lm_head)
        for index, (part, ids) in enumerate(chunks)
    ]
    # float64: a sum near -850 has a float32 spacing of 6e-5
    return -torch.segment_reduce(torch.cat(nll).double(), "sum", lengths=batch.response_lengths)


def responses_reward(states: Tensor, head: nn.Module) -> Tensor:
    """Return the reward that each response's last state gives. Shapes: (N, D) -> (N,), float32 or wider."""
    with torch.autocast(states.device.type, enabled=False):
        return head(widen(states)).squeeze(-1)
