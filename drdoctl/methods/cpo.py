"""CPO: DPO whose reference is taken for uniform, held near the data by the likelihood of the chosen response."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.methods import LossOut, Method, PairNumbers
from drdoctl.methods._pairs import logps, pair_metrics
from drdoctl.methods.dpo import dpo
from drdoctl.methods.sft import nll

if TYPE_CHECKING:
    from torch import Tensor


def cpo(margin: Tensor, nll_chosen: Tensor, beta: float, sft_weight: float) -> Tensor:
    """Return -log sigmoid(beta (z_w - z_l)) + sft_weight * NLL(y_w) (Xu et al., arXiv 2401.08417, eq. 3 and its NLL).

    Shapes: (N,).
    """
    return dpo(margin, beta) + sft_weight * nll_chosen


class CpoMethod(Method):
    """Contrastive preference optimisation: no reference."""

    name: Literal["cpo"]
    """`cpo`."""
    beta: float = Field(default=0.1, gt=0)
    """Inverse temperature of the margin of summed log-probabilities."""
    sft_weight: float = Field(default=1.0, ge=0)
    """Weight of the chosen response's negative log-likelihood (TRL's `cpo_alpha`)."""
    log_prob: Literal["sum", "mean"] = "mean"
    """That likelihood in nats a response (`sum`, as the paper has it) or a token (`mean`, as implementations have it),
    without the prompt's."""

    paper: ClassVar[str] = "Xu et al., arXiv 2401.08417, eq. 3"
    equation: ClassVar[str] = "-log sigmoid(beta (z_w - z_l)) + sft_weight NLL(y_w)"

    def idle(self) -> dict[str, str]:
        """Without its weight the likelihood is not there."""
        return {"log_prob": "with `sft_weight: 0`"} if self.sft_weight == 0 else {}

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the contrastive loss and the likelihood's of each pair, shape (N,)."""
        chosen, rejected = logps(pairs)
        likelihood = nll(chosen, pairs.chosen_tokens, self.log_prob)
        losses = cpo(chosen - rejected, likelihood, self.beta, self.sft_weight)
        metrics = {**pair_metrics(pairs, self.beta * (chosen - rejected)), "nll": likelihood.detach()}
        return LossOut(losses, metrics)
