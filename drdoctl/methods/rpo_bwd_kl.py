"""RPO, backward KL: the divergence of the oracle's preference from the student's.

DPO with the oracle's probability as the label, up to a constant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from drdoctl.methods._rpo import RewardAware, bernoulli_kl

if TYPE_CHECKING:
    from torch import Tensor


class RpoBwdKlMethod(RewardAware):
    """Reward-aware preference optimisation by KL(sigmoid(eta dr) || sigmoid(beta h))."""

    name: Literal["rpo-bwd-kl"]
    """`rpo-bwd-kl`, NeMo-Aligner's `rpo_bwd_kl`."""

    equation: ClassVar[str] = "KL(sigmoid(eta dr) || sigmoid(beta h))"

    def distance(self, student: Tensor, oracle: Tensor) -> Tensor:
        """Return KL(sigmoid(eta dr) || sigmoid(beta h)), shape (N,)."""
        return bernoulli_kl(oracle, student)
