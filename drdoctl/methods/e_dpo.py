"""e-DPO: distil from the member of an ensemble of oracles that the policy can follow best (pessimism).

Where the minimum over members sits matters. `dataset` is the theory's: min over i of E[(dr_i - beta h)^2], the
expectation estimated by a moving average of each member's loss; `batch` takes it over each global batch, `example` over
each pair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.methods import LossOut, PairNumbers
from drdoctl.methods._distilled import distill
from drdoctl.methods._pairs import (
    RewardScale,
    distillation_metrics,
    log_ratio_margin,
    oracle_margins,
    pair_metrics,
)
from drdoctl.methods._pessimism import NearReference

if TYPE_CHECKING:
    from torch import Tensor

MEMORY = 0.99
"""Decay a step of the moving averages behind `ensemble_min: dataset`: they look back about 100 steps."""


def member_weights(losses: Tensor, means: list[float] | None) -> Tensor:
    """Return which member each pair learns from, one-hot (N, K): the least of `means`, or of the pair's own losses.

    `losses` is (N, K) and only its order is looked at. Ties go to the first member.
    """
    import torch

    members = losses.shape[1]
    least = (
        losses.detach().argmin(dim=1)
        if means is None
        else torch.full_like(losses[:, 0], means.index(min(means))).long()
    )
    return torch.nn.functional.one_hot(least, members).to(losses.dtype)


class EDpoMethod(NearReference):
    """Pessimistic reward distillation from an ensemble of oracles that differ in the seed of their reward head."""

    name: Literal["e-dpo"]
    """`e-dpo`."""
    beta: float = Field(default=0.1, gt=0)
    """Inverse temperature of the implicit reward."""
    members: int = Field(default=3, ge=1)
    """Oracles in the ensemble, each trained by the plain Bradley-Terry loss (eq. 2)."""
    ensemble_min: Literal["example", "batch", "dataset"] = "dataset"
    """Where the minimum over members is taken: each pair, each global batch, or the data (a moving average)."""
    gamma: float = Field(default=0.0, ge=0)
    """Weight of KL(ref || pi), estimated on the logged responses."""
    reward_scale: RewardScale = "none"
    """`std` divides each member's margins by their standard deviation over the training split; `none`: its units."""

    paper: ClassVar[str] = "Fisch et al., arXiv 2405.19316"
    equation: ClassVar[str] = "min over i of (dr_i - beta h)^2 + gamma KL(ref || pi)"

    @property
    def needs_logps(self) -> bool:
        """The reference's log-probabilities are in h."""
        return True

    @property
    def oracle_members(self) -> int:
        """As many as `members`."""
        return self.members

    @property
    def ensemble(self) -> bool:
        """The members are trained for this method."""
        return True

    @property
    def batch_stats(self) -> bool:
        """The batch's minimum needs every member's mean loss over the global batch first."""
        return self.members > 1 and self.ensemble_min == "batch"

    def idle(self) -> dict[str, str]:
        """One member is always the least, and what is not added is not estimated."""
        alone = {"ensemble_min": "with one member"} if self.members == 1 else {}
        return {**alone, **({"kl_samples": "without `gamma`"} if self.gamma == 0 else {})}

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return (dr_i - beta h)^2 + gamma KL of each pair for the chosen member i, shape (N,).

        Before anything is known (`dataset`, first step) all members count alike.
        """
        import torch

        student = self.beta * log_ratio_margin(pairs)
        margins = oracle_margins(pairs, self.reward_scale)  # (N, K)
        members = distill(margins, student[:, None])  # (N, K)
        names = [f"member_loss_{index}" for index in range(members.shape[1])]
        if self.ensemble_min == "example" or members.shape[1] == 1:
            weights = member_weights(members, None)
        elif all(name in pairs.stats for name in names):
            weights = member_weights(members, [pairs.stats[name] for name in names])
        else:
            weights = torch.full_like(members, 1 / members.shape[1]).detach()
        distillation, kl = (weights * members).sum(dim=1), self.forward_kl(pairs)
        losses = distillation + self.gamma * kl if self.gamma else distillation
        metrics = {**pair_metrics(pairs, student), "forward_kl": kl.detach()}
        metrics |= distillation_metrics((weights * margins).sum(dim=1), student, distillation)
        for index, name in enumerate(names):
            metrics[name] = members[:, index].detach()
            metrics[f"member_share_{index}"] = weights[:, index]
        return LossOut(losses, metrics)

    def follow(self, stats: dict[str, float], means: dict[str, float]) -> dict[str, float]:
        """Return the moving average of each member's loss (`dataset`), begun at the first step's mean."""
        if self.ensemble_min != "dataset":
            return stats
        seen = {name: value for name, value in means.items() if name.startswith("member_loss_")}
        return {name: MEMORY * stats.get(name, value) + (1 - MEMORY) * value for name, value in seen.items()}
