"""Pessimism by staying near the reference: KL(ref || pi) on the logged responses, with a weight that may grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from drdoctl.methods import PROGRESS, LossOut, Method, PairNumbers
from drdoctl.methods._pairs import logps, reference_logps

if TYPE_CHECKING:
    from torch import Tensor


def forward_kl(pairs: PairNumbers) -> Tensor:
    """Return KL(ref || pi) as sampled by the logged responses, the mean over both of zref - z. Shape (N,), nats.

    Its gradient is that of the negative log-likelihood of the logged responses; at the reference it is exactly 0.
    """
    (chosen, rejected), (ref_chosen, ref_rejected) = logps(pairs), reference_logps(pairs)
    return ((ref_chosen - chosen) + (ref_rejected - rejected)) / 2


class Pessimistic(Method):
    """A loss with gamma * KL(ref || pi) added to it. Subclasses derive from this class and from their loss's method."""

    gamma: float = Field(default=1e-2, ge=0)
    """Weight of KL(ref || pi), estimated on the logged responses; the last step's where it grows."""
    gamma_start: float | None = Field(default=1e-4, ge=0)
    """The first step's weight, from which it goes to `gamma` linearly over the training; null: constant."""

    def weight(self, progress: float) -> float:
        """Return gamma when this share of the steps, in [0, 1), is done."""
        start = self.gamma if self.gamma_start is None else self.gamma_start
        return start + (self.gamma - start) * progress

    def with_kl(self, made: LossOut, pairs: PairNumbers) -> LossOut:
        """Add gamma * KL(ref || pi) to the losses, shape (N,), and both to the metrics."""
        import torch

        kl, gamma = forward_kl(pairs), self.weight(pairs.stats.get(PROGRESS, 0.0))
        metrics = {"forward_kl": kl.detach(), "gamma": torch.full_like(kl, gamma).detach()}
        return LossOut(made.losses + gamma * kl, {**made.metrics, **metrics})
