"""REBEL, its offline step: regress the difference of rewards on the change of log-ratio since the current policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.methods._distilled import Distilled

if TYPE_CHECKING:
    from torch import Tensor


class RebelMethod(Distilled):
    """One step of regression to relative rewards, on logged pairs, from the start model as the current policy.

    With the start model as the reference it is d-DPO with beta = 1/eta: the papers reach one loss on two roads.
    """

    name: Literal["rebel"]
    """`rebel`."""
    eta: float = Field(default=1.0, gt=0)
    """Step size: how far a unit of reward moves the log-ratio."""

    paper: ClassVar[str] = "Gao et al., arXiv 2404.16767, algorithm 1"
    equation: ClassVar[str] = "(h / eta - dr)^2"

    def student_margin(self, h: Tensor) -> Tensor:
        """Return h / eta, shape (N,)."""
        return h / self.eta
