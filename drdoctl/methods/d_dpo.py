"""d-DPO: make the implicit reward margin beta * h equal the oracle's margin dr, by least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.methods import LossOut, Method, PairNumbers
from drdoctl.methods._pairs import RewardScale, distillation_metrics, log_ratio_margin, oracle_margins, pair_metrics

if TYPE_CHECKING:
    from torch import Tensor


def distill(oracle_margin: Tensor, student_margin: Tensor) -> Tensor:
    """Return (dr - beta h)^2 (Fisch et al., arXiv 2405.19316; DRDO eq. 4). Shapes broadcast: (N,) or (N, K)."""
    return (oracle_margin - student_margin) ** 2


class DDpoMethod(Method):
    """Reward distillation into the implicit reward, from one oracle."""

    name: Literal["d-dpo"]
    """`d-dpo`."""
    beta: float = Field(default=0.1, gt=0)
    """Inverse temperature of the implicit reward; with full support the optimum is ref(y) exp(r(y)/beta) / Z."""
    reward_scale: RewardScale = "none"
    """`std` divides the oracle's margins by their standard deviation over the training split; `none`: its units."""

    paper: ClassVar[str] = "Fisch et al., arXiv 2405.19316; DRDO, arXiv 2410.08458, eq. 4"

    @property
    def needs_logps(self) -> bool:
        """The reference's log-probabilities are in h."""
        return True

    @property
    def oracle_members(self) -> int:
        """One: the spec's oracle."""
        return 1

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the squared error of each pair, shape (N,)."""
        student = self.beta * log_ratio_margin(pairs)
        dr = oracle_margins(pairs, self.reward_scale)[:, 0]
        losses = distill(dr, student)
        return LossOut(losses, {**pair_metrics(pairs, student), **distillation_metrics(dr, student, losses)})
