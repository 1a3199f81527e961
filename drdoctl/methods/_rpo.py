"""What the reward-aware preference losses share: the reference, one oracle, and a scale for its rewards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from drdoctl.methods import LossOut, Method, PairNumbers
from drdoctl.methods._pairs import RewardScale, distillation_metrics, log_ratio_margin, oracle_margins, pair_metrics

if TYPE_CHECKING:
    from torch import Tensor


def bernoulli_kl(one: Tensor, other: Tensor) -> Tensor:
    """Return KL(Bernoulli(sigmoid(a)) || Bernoulli(sigmoid(b))) of two logits, nats. Shapes: (N,).

    In logarithms, so that a probability of 0 meets a finite logarithm: no NaN for any logits.
    """
    from torch.nn.functional import logsigmoid

    win = logsigmoid(one).exp() * (logsigmoid(one) - logsigmoid(other))
    return win + logsigmoid(-one).exp() * (logsigmoid(-one) - logsigmoid(-other))


class RewardAware(Method):
    """A distance between the student's margin beta * h and the oracle's, eta * dr. Subclasses say which."""

    beta: float = Field(default=0.1, gt=0)
    """Inverse temperature of the implicit reward."""
    eta: float = Field(default=1.0, gt=0)
    """Scale of the oracle's rewards (NeMo-Aligner's `gt_reward_scale`)."""
    reward_scale: RewardScale = "none"
    """`std` divides the oracle's margins by their standard deviation over the training split; `none`: its units."""

    @property
    def needs_logps(self) -> bool:
        """The reference's log-probabilities are in h."""
        return True

    @property
    def oracle_members(self) -> int:
        """One: the spec's oracle."""
        return 1

    def distance(self, student: Tensor, oracle: Tensor) -> Tensor:  # noqa: ARG002  # a subclass says which
        """Return one distance a pair between the margins beta h and eta dr. Shapes: (N,)."""
        raise TypeError(f"method {self.name} has no distance")

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the distance of the student's margin to the oracle's, shape (N,)."""
        student = self.beta * log_ratio_margin(pairs)
        dr = self.eta * oracle_margins(pairs, self.reward_scale)[:, 0]
        losses = self.distance(student, dr)
        return LossOut(losses, {**pair_metrics(pairs, student), **distillation_metrics(dr, student, losses)})
