"""RPO, forward KL: the divergence of the student's preference from the oracle's.

It forgives a student that is less sure than the oracle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from drdoctl.methods._rpo import RewardAware, bernoulli_kl

if TYPE_CHECKING:
    from torch import Tensor


class RpoFwdKlMethod(RewardAware):
    """Reward-aware preference optimisation by KL(sigmoid(beta h) || sigmoid(eta dr))."""

    name: Literal["rpo-fwd-kl"]
    """`rpo-fwd-kl`, NeMo-Aligner's `rpo_fwd_kl`."""

    equation: ClassVar[str] = "KL(sigmoid(beta h) || sigmoid(eta dr))"

    def distance(self, student: Tensor, oracle: Tensor) -> Tensor:
        """Return KL(sigmoid(beta h) || sigmoid(eta dr)), shape (N,)."""
        return bernoulli_kl(student, oracle)
