"""What the losses share that hold the student's margin of log-ratios to one oracle's margin of rewards."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from drdoctl.methods import LossOut, Method, PairNumbers
from drdoctl.methods._pairs import RewardScale, distillation_metrics, log_ratio_margin, oracle_margins, pair_metrics

if TYPE_CHECKING:
    from torch import Tensor


def distill(oracle_margin: Tensor, student_margin: Tensor) -> Tensor:
    """Return (dr - beta h)^2 (Fisch et al., arXiv 2405.19316; DRDO eq. 4). Shapes broadcast: (N,) or (N, K)."""
    return (oracle_margin - student_margin) ** 2


class Distilled(Method):
    """A distance between two margins, pair by pair: least squares, unless a subclass says otherwise."""

    reward_scale: RewardScale = "none"
    """`std` divides the oracle's margins by their standard deviation over the training split; `none`: its units."""

    @property
    def needs_logps(self) -> bool:
        """The reference's log-probabilities are in h."""
        return True

    @property
    def oracle_members(self) -> int:
        """One: the spec's oracle."""
        return 1

    @abstractmethod
    def student_margin(self, h: Tensor) -> Tensor:
        """Return the student's own margin of rewards from its margin of log-ratios. Shapes: (N,)."""

    def oracle_margin(self, dr: Tensor) -> Tensor:
        """Return the margin to reach from the oracle's. Shapes: (N,)."""
        return dr

    def distance(self, student: Tensor, oracle: Tensor) -> Tensor:
        """Return one distance a pair. Shapes: (N,)."""
        return distill(oracle, student)

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the distance between the margins of each pair, shape (N,)."""
        student = self.student_margin(log_ratio_margin(pairs))
        dr = self.oracle_margin(oracle_margins(pairs, self.reward_scale)[:, 0])
        losses = self.distance(student, dr)
        return LossOut(losses, {**pair_metrics(pairs, student), **distillation_metrics(dr, student, losses)})
