"""What the reward-aware preference losses share: both margins with a scale of their own, and a divergence of coins."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from drdoctl.methods._distilled import Distilled

if TYPE_CHECKING:
    from torch import Tensor


def bernoulli_kl(one: Tensor, other: Tensor) -> Tensor:
    """Return KL(Bernoulli(sigmoid(a)) || Bernoulli(sigmoid(b))) of two logits, nats. Shapes: (N,).

    In logarithms, so that a probability of 0 meets a finite logarithm: no NaN for any logits.
    """
    from torch.nn.functional import logsigmoid

    win = logsigmoid(one).exp() * (logsigmoid(one) - logsigmoid(other))
    return win + logsigmoid(-one).exp() * (logsigmoid(-one) - logsigmoid(-other))


class RewardAware(Distilled):
    """A distance between the student's margin beta * h and the oracle's, eta * dr."""

    beta: float = Field(default=0.1, gt=0)
    """Inverse temperature of the implicit reward."""
    eta: float = Field(default=1.0, gt=0)
    """Scale of the oracle's rewards (NeMo-Aligner's `gt_reward_scale`)."""

    paper: ClassVar[str] = "Nvidia, arXiv 2406.11704, section 3.3.2; Sun et al., arXiv 2502.00203"

    def student_margin(self, h: Tensor) -> Tensor:
        """Return beta h, shape (N,)."""
        return self.beta * h

    def oracle_margin(self, dr: Tensor) -> Tensor:
        """Return eta dr, shape (N,)."""
        return self.eta * dr
