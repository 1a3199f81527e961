"""ORPO: the likelihood of the chosen response, and the odds of the chosen over the rejected. No reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.core.numerics import log1mexp
from drdoctl.methods import LossOut, Method, PairNumbers
from drdoctl.methods._pairs import logps, pair_metrics

if TYPE_CHECKING:
    from torch import Tensor


def log_odds(mean_logp: Tensor) -> Tensor:
    """Return log(p / (1 - p)) for p = exp(zbar) (Hong et al., arXiv 2403.07691, eq. 4). Shapes: (N,)."""
    return mean_logp - log1mexp(mean_logp)


def orpo(chosen: Tensor, rejected: Tensor, odds_weight: float) -> Tensor:
    """Return -zbar_w - odds_weight * log sigmoid(log odds(y_w) - log odds(y_l)) (eq. 6 and 7).

    `chosen`, `rejected`: mean log-probabilities of a token. Shapes: (N,).
    """
    from torch.nn.functional import logsigmoid

    return -chosen - odds_weight * logsigmoid(log_odds(chosen) - log_odds(rejected))


class OrpoMethod(Method):
    """Odds ratio preference optimisation: fine-tuning and preference in one stage, no reference."""

    name: Literal["orpo"]
    """`orpo`."""
    odds_weight: float = Field(default=0.1, ge=0)
    """Weight of the odds-ratio term (the paper's lambda, 0.1 to 1; TRL's `beta`)."""

    paper: ClassVar[str] = "Hong et al., arXiv 2403.07691, eq. 4, 6 and 7"
    equation: ClassVar[str] = "-z_w / n_w - odds_weight log sigmoid(log odds_w - log odds_l)"

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the likelihood's and the odds' loss of each pair, shape (N,). TRL's likelihood has the prompt too."""
        chosen, rejected = logps(pairs, "mean")
        margin = (log_odds(chosen) - log_odds(rejected)).detach()
        metrics = {**pair_metrics(pairs, margin), "nll": -chosen.detach()}
        return LossOut(orpo(chosen, rejected, self.odds_weight), metrics)
