"""REBEL, its offline step: regress the difference of rewards on the change of log-ratio since the current policy."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from drdoctl.methods import LossOut, Method, PairNumbers
from drdoctl.methods._pairs import RewardScale, distillation_metrics, log_ratio_margin, oracle_margins, pair_metrics
from drdoctl.methods.d_dpo import distill


class RebelMethod(Method):
    """One step of regression to relative rewards, on logged pairs, from the start model as the current policy.

    With the start model as the reference it is d-DPO with beta = 1/eta: the papers reach one loss on two roads.
    """

    name: Literal["rebel"]
    """`rebel`."""
    eta: float = Field(default=1.0, gt=0)
    """Step size: how far a unit of reward moves the log-ratio."""
    reward_scale: RewardScale = "none"
    """`std` divides the oracle's margins by their standard deviation over the training split; `none`: its units."""

    paper: ClassVar[str] = "Gao et al., arXiv 2404.16767, algorithm 1"

    @property
    def needs_logps(self) -> bool:
        """The current policy's log-probabilities are in h."""
        return True

    @property
    def oracle_members(self) -> int:
        """One: the spec's oracle."""
        return 1

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return (h / eta - dr)^2 of each pair, shape (N,)."""
        student = log_ratio_margin(pairs) / self.eta
        dr = oracle_margins(pairs, self.reward_scale)[:, 0]
        losses = distill(dr, student)
        return LossOut(losses, {**pair_metrics(pairs, student), **distillation_metrics(dr, student, losses)})
