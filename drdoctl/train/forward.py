"""From a flat batch to the numbers that losses read: log-probabilities and rewards, in one forward pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from drdoctl.core.numerics import widen
from drdoctl.train.batches import FlatBatch

LOGITS_AT_ONCE = 1 << 24
"""Logits of at most this many cells (64 MiB in float32) exist at a time."""


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


def _token_nll(hidden: Tensor, targets: Tensor, lm_head: nn.Module) -> Tensor:
    """-log p of each target, float32 or wider. Shapes (m, D), (m,) -> (m,)."""
    return F.cross_entropy(widen(lm_head(hidden)), targets, reduction="none")


def places(reads: Tensor, wanted: Tensor) -> Tensor:
    """Return where the `wanted` places of the row lie among the ascending places `reads` whose states there are."""
    return torch.searchsorted(reads, wanted)


def sequence_logp(hidden: Tensor, batch: FlatBatch, lm_head: nn.Module, vocabulary: int) -> Tensor:
    """Sum the log-probabilities of each response's tokens.

    The LM head runs only over states that predict a response token, in chunks recomputed in the
    backward pass, so logits of [tokens, vocabulary] never exist. `hidden`: the states at `batch.reads`, shape
    (G + M, D). Returns shape (N,), float64.
    """
    states = hidden.index_select(0, places(batch.reads, batch.predict_at))
    rows = max(1, LOGITS_AT_ONCE // vocabulary)
    if len(states) <= rows:
        nll = _token_nll(states, batch.targets, lm_head)
    else:
        chunks = zip(states.split(rows), batch.targets.split(rows), strict=True)
        nll = torch.cat([checkpoint(_token_nll, part, ids, lm_head, use_reentrant=False) for part, ids in chunks])
    # float64: a sum near -850 has a float32 spacing of 6e-5
    return -torch.segment_reduce(nll.double(), "sum", lengths=batch.response_lengths)


def responses_reward(states: Tensor, head: nn.Module) -> Tensor:
    """Return the reward that each response's last state gives. Shapes: (N, D) -> (N,), float32 or wider."""
    with torch.autocast(states.device.type, enabled=False):
        return head(widen(states)).squeeze(-1)
