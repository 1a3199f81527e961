"""RPO, squared: least squares between the margins beta h and eta dr; d-DPO with a scale for the oracle's rewards."""

from __future__ import annotations

from typing import ClassVar, Literal

from drdoctl.methods._rpo import RewardAware


class RpoSqMethod(RewardAware):
    """Reward-aware preference optimisation by (eta dr - beta h)^2."""

    name: Literal["rpo-sq"]
    """`rpo-sq`, NeMo-Aligner's `rpo_sq`."""

    equation: ClassVar[str] = "(eta dr - beta h)^2"
