"""d-DPO: make the implicit reward margin beta * h equal the oracle's margin dr, by least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.methods._distilled import Distilled

if TYPE_CHECKING:
    from torch import Tensor


class DDpoMethod(Distilled):
    """Reward distillation into the implicit reward, from one oracle."""

    name: Literal["d-dpo"]
    """`d-dpo`."""
    beta: float = Field(default=0.1, gt=0)
    """Inverse temperature of the implicit reward; with full support the optimum is ref(y) exp(r(y)/beta) / Z."""

    paper: ClassVar[str] = "Fisch et al., arXiv 2405.19316; DRDO, arXiv 2410.08458, eq. 4"
    equation: ClassVar[str] = "(dr - beta h)^2"

    def student_margin(self, h: Tensor) -> Tensor:
        """Return beta h, shape (N,)."""
        return self.beta * h
