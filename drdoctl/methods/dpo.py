"""DPO: logistic regression on the implicit reward margin beta * h, with its two answers to noisy labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.methods import LossOut, Method, PairNumbers
from drdoctl.methods._pairs import log_ratio_margin, pair_metrics

if TYPE_CHECKING:
    from torch import Tensor


def dpo(h: Tensor, beta: float, label_smoothing: float = 0.0, *, robust: bool = False) -> Tensor:
    """Return -log sigmoid(beta h) (DRDO eq. 3; Rafailov et al. eq. 7), smoothed for labels flipped with probability e.

    e = `label_smoothing`. cDPO (Mitchell, 2023): -(1-e) log sigmoid(beta h) - e log sigmoid(-beta h).
    robust DPO (Chowdhury et al., arXiv 2403.00409): [-(1-e) log sigmoid(beta h) + e log sigmoid(-beta h)] / (1-2e),
    unbiased under the noise, and unbounded below. Shapes: (N,).
    """
    from torch.nn.functional import logsigmoid

    agree, differ = -logsigmoid(beta * h), -logsigmoid(-beta * h)
    if label_smoothing == 0:
        return agree
    if robust:
        return ((1 - label_smoothing) * agree - label_smoothing * differ) / (1 - 2 * label_smoothing)
    return (1 - label_smoothing) * agree + label_smoothing * differ


class DpoMethod(Method):
    """Direct preference optimisation against cached log-probabilities of the reference."""

    name: Literal["dpo"]
    """`dpo`."""
    beta: float = Field(default=0.1, gt=0)
    """Inverse temperature of the implicit reward beta * (z - zref); the KL weight of the RLHF objective behind it."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """Probability that a label is wrong: cDPO's smoothing, or robust DPO's where `robust` is true."""
    robust: bool = False
    """Correct for the flipped labels without bias (robust DPO), in place of smoothing them (cDPO)."""

    paper: ClassVar[str] = "Rafailov et al., arXiv 2305.18290, eq. 7; DRDO, arXiv 2410.08458, eq. 3"
    equation: ClassVar[str] = "-log sigmoid(beta h)"

    @property
    def needs_logps(self) -> bool:
        """The reference's log-probabilities are in h."""
        return True

    def idle(self) -> dict[str, str]:
        """Without smoothing there is nothing to be robust against."""
        return {"robust": "without `label_smoothing`"} if self.label_smoothing == 0 else {}

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the logistic loss of each pair, shape (N,); ln 2 where the policy is the reference."""
        h = log_ratio_margin(pairs)
        losses = dpo(h, self.beta, self.label_smoothing, robust=self.robust)
        return LossOut(losses, pair_metrics(pairs, self.beta * h))
