"""Hinge: pairs whose margin is wide enough no longer count. SLiC's loss on the likelihoods, or on their ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.methods import LossOut, Method, PairNumbers
from drdoctl.methods._pairs import log_ratio_margin, logps, pair_metrics
from drdoctl.methods.sft import nll

if TYPE_CHECKING:
    from torch import Tensor


def hinge(margin: Tensor, beta: float) -> Tensor:
    """Return max(0, 1 - beta * margin) (RSO: Liu et al., arXiv 2309.06657; SLiC-HF's delta is 1/beta). (N,)."""
    return (1 - beta * margin).relu()


class HingeMethod(Method):
    """Sequence-likelihood calibration: a hinge in place of the logistic loss."""

    name: Literal["hinge"]
    """`hinge`."""
    beta: float = Field(default=0.1, gt=0)
    """Inverse of the margin, in nats, beyond which a pair counts no more: 10 at the default."""
    reference: bool = True
    """The margin of log-ratios to the reference (RSO, TRL's `hinge`), or of log-probabilities alone (SLiC)."""
    sft_weight: float = Field(default=0.0, ge=0)
    """Weight of the chosen response's negative log-likelihood a token (SLiC-HF's regulariser)."""

    paper: ClassVar[str] = "Liu et al., arXiv 2309.06657; Zhao et al., arXiv 2305.10425"
    equation: ClassVar[str] = "max(0, 1 - beta h)"

    @property
    def needs_logps(self) -> bool:
        """Only the margin of log-ratios has the reference's in it."""
        return self.reference

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the hinge loss of each pair, shape (N,): exactly 0, and without gradient, beyond the margin."""
        chosen, rejected = logps(pairs)
        margin = log_ratio_margin(pairs) if self.reference else chosen - rejected
        losses = hinge(margin, self.beta)
        if self.sft_weight:
            losses = losses + self.sft_weight * nll(chosen, pairs.chosen_tokens)
        return LossOut(losses, pair_metrics(pairs, self.beta * margin))
