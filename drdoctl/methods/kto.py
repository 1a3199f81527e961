"""KTO: each response is judged alone, as a gain or a loss against what the policy does with any prompt.

On pairs the chosen response is desirable and the rejected one undesirable. The value function is concave in gains and
convex in losses, so a pair that is already far on its side, or hopelessly wrong, hardly counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.methods import MISMATCHED, LossOut, Method, PairNumbers
from drdoctl.methods._pairs import log_ratios, pair_metrics

if TYPE_CHECKING:
    from torch import Tensor


def kto(log_ratio: Tensor, reference_point: float, beta: float, *, desirable: bool) -> Tensor:
    """Return 1 - sigmoid(beta (rho - z0)), or for undesirable responses 1 - sigmoid(beta (z0 - rho)).

    rho = log pi(y|x) - log ref(y|x). Ethayarajh et al., arXiv 2402.01306, eq. 7, for a weight of 1. Shapes: (N,).
    """
    gain = beta * (log_ratio - reference_point)
    return (-gain).sigmoid() if desirable else gain.sigmoid()


class KtoMethod(Method):
    """Kahneman-Tversky optimisation, against cached log-probabilities of the reference."""

    name: Literal["kto"]
    """`kto`."""
    beta: float = Field(default=0.1, gt=0)
    """Inverse temperature of the implicit reward; the larger, the sooner a response is far enough from z0."""
    desirable_weight: float = Field(default=1.0, gt=0)
    """Weight of chosen responses (the paper's lambda_D)."""
    undesirable_weight: float = Field(default=1.0, gt=0)
    """Weight of rejected responses (lambda_U)."""
    reference_point: Literal["mismatched", "zero"] = "mismatched"
    """z0: `mismatched`, max(0, KL(pi || ref)) as estimated on each prompt before another row's responses; `zero`: none,
    which is APO-zero for single responses (TRL's `apo_zero_unpaired`) and saves a forward pass."""

    paper: ClassVar[str] = "Ethayarajh et al., arXiv 2402.01306, eq. 7; D'Oosterlinck et al., arXiv 2408.06266, eq. 7"
    equation: ClassVar[str] = "mean of 1 - sigmoid(beta (rho_w - z0)) and 1 - sigmoid(beta (z0 - rho_l))"

    @property
    def needs_logps(self) -> bool:
        """The reference's log-probabilities are in each response's log-ratio."""
        return True

    @property
    def needs_mismatched(self) -> bool:
        """The reference point is the mean log-ratio of mismatched pairs."""
        return self.reference_point == "mismatched"

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the mean over both responses of weight (1 - value), shape (N,); at the reference half the mean weight.

        No gradient flows through z0. Raises ValueError where the batch's mismatched log-ratio is not known.
        """
        import torch

        chosen, rejected = log_ratios(pairs)
        told = {MISMATCHED: self._estimate(pairs)} if self.needs_mismatched else {}
        # the responses are not the policy's own, so the estimate of a divergence may be below 0, which none can be
        point = max(0.0, told.get(MISMATCHED, 0.0))
        gains = self.desirable_weight * kto(chosen, point, self.beta, desirable=True)
        losses = self.undesirable_weight * kto(rejected, point, self.beta, desirable=False)
        metrics = pair_metrics(pairs, self.beta * (chosen - rejected))
        metrics |= {
            name: torch.full_like(chosen, value).detach() for name, value in {**told, "reference_point": point}.items()
        }
        return LossOut((gains + losses) / 2, metrics)

    def _estimate(self, pairs: PairNumbers) -> float:
        """Return the batch's estimate of KL(pi || ref), nats."""
        if MISMATCHED not in pairs.stats:
            raise ValueError("this loss needs the mean log-ratio of the batch's mismatched pairs")
        return pairs.stats[MISMATCHED]
