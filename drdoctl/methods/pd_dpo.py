"""pd-DPO: reward distillation that stays near the reference by KL(ref || pi)."""

from __future__ import annotations

from typing import ClassVar, Literal

from drdoctl.methods._pessimism import Pessimistic
from drdoctl.methods.d_dpo import DDpoMethod


class PdDpoMethod(Pessimistic, DDpoMethod):
    """Pessimistic reward distillation."""

    name: Literal["pd-dpo"]  # type: ignore[assignment]  # a name of its own
    """`pd-dpo`."""

    paper: ClassVar[str] = "Fisch et al., arXiv 2405.19316"
    equation: ClassVar[str] = "(dr - beta h)^2 + gamma KL(ref || pi)"
