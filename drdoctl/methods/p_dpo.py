"""p-DPO: DPO that stays near the reference by KL(ref || pi), so that separable pairs cannot empty the support."""

from __future__ import annotations

from typing import ClassVar, Literal

from drdoctl.methods._pessimism import Pessimistic
from drdoctl.methods.dpo import DpoMethod


class PDpoMethod(Pessimistic, DpoMethod):
    """Pessimistic DPO."""

    name: Literal["p-dpo"]  # type: ignore[assignment]  # a name of its own
    """`p-dpo`."""

    paper: ClassVar[str] = "Fisch et al., arXiv 2405.19316"
    equation: ClassVar[str] = "-log sigmoid(beta h) + gamma KL(ref || pi)"
