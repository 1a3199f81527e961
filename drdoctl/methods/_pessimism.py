"""Pessimism by staying near the reference: KL(ref || pi), with a weight that may grow.

It is estimated on the logged responses, or on responses that the reference itself gave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from drdoctl.core.numerics import widen
from drdoctl.methods import PROGRESS, LossOut, Method, PairNumbers
from drdoctl.methods._pairs import logps, reference_logps

if TYPE_CHECKING:
    from torch import Tensor


def logged_kl(pairs: PairNumbers) -> Tensor:
    """Return KL(ref || pi) as sampled by the logged responses, the mean over both of zref - z. Shape (N,), nats.

    Its gradient is that of the negative log-likelihood of the logged responses; at the reference it is exactly 0.
    """
    (chosen, rejected), (ref_chosen, ref_rejected) = logps(pairs), reference_logps(pairs)
    return ((ref_chosen - chosen) + (ref_rejected - rejected)) / 2


def sampled_kl(pairs: PairNumbers) -> Tensor:
    """Return KL(ref || pi) as the mean of zref - z over the reference's own responses, which has no bias. (N,), nats.

    Raises ValueError where the batch has none.
    """
    if pairs.sample_logp is None or pairs.ref_sample_logp is None:
        raise ValueError("this loss needs responses of the reference")
    return (widen(pairs.ref_sample_logp) - widen(pairs.sample_logp)).mean(dim=1)


class NearReference(Method):
    """What a loss needs that has KL(ref || pi) in it."""

    kl_samples: int = Field(default=0, ge=0)
    """Responses of the reference to each prompt on which KL(ref || pi) is estimated, sampled once and cached;
    0: the two logged responses, which costs nothing, and pulls mass from all that is not logged."""

    later: ClassVar[tuple[str, ...]] = ("kl_samples",)

    @property
    def reference_samples(self) -> int:
        """As many as the divergence is estimated on."""
        return self.kl_samples

    def forward_kl(self, pairs: PairNumbers) -> Tensor:
        """Return the estimate of KL(ref || pi), shape (N,), nats."""
        return sampled_kl(pairs) if self.kl_samples else logged_kl(pairs)


class Pessimistic(NearReference):
    """Adds gamma * KL(ref || pi) to another method's loss: subclasses derive from this class, then from that method."""

    gamma: float = Field(default=1e-2, ge=0)
    """Weight of KL(ref || pi); the last step's where it grows."""
    gamma_start: float | None = Field(default=1e-4, ge=0)
    """The first step's weight, from which it goes to `gamma` linearly over the training; null: constant."""

    def idle(self) -> dict[str, str]:
        """Without a weight there is no divergence to estimate; and what is idle in the loss itself."""
        alone = {"kl_samples": "with `gamma: 0`"} if not (self.gamma or self.gamma_start) else {}
        return {**super().idle(), **alone}

    def weight(self, progress: float) -> float:
        """Return gamma when this share of the steps, in [0, 1), is done."""
        start = self.gamma if self.gamma_start is None else self.gamma_start
        return start + (self.gamma - start) * progress

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the other method's loss + gamma KL(ref || pi) of each pair, shape (N,), and both among the metrics."""
        import torch

        made = super().loss(pairs)
        kl, gamma = self.forward_kl(pairs), self.weight(pairs.stats.get(PROGRESS, 0.0))
        metrics = {"forward_kl": kl.detach(), "gamma": torch.full_like(kl, gamma).detach()}
        return LossOut(made.losses + gamma * kl, {**made.metrics, **metrics})
