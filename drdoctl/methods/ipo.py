"""IPO: regress the log-ratio margin h to a fixed gap 1/(2 tau), so that separable data cannot drive it to infinity."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.methods import LossOut, Method, PairNumbers
from drdoctl.methods._pairs import LogProb, log_ratio_margin, pair_metrics

if TYPE_CHECKING:
    from torch import Tensor


def ipo(h: Tensor, tau: float) -> Tensor:
    """Return (h - 1/(2 tau))^2 (Azar et al., arXiv 2310.12036, eq. 17). Shapes: (N,)."""
    return (h - 1 / (2 * tau)) ** 2


class IpoMethod(Method):
    """Identity preference optimisation against cached log-probabilities of the reference."""

    name: Literal["ipo"]
    """`ipo`."""
    tau: float = Field(default=0.1, gt=0)
    """Regularisation: the target gap is 1/(2 tau) nats, 5 at the default."""
    log_prob: LogProb = "sum"
    """h of summed log-probabilities, as in the paper (`sum`), or of per-token means, as TRL takes it (`mean`): the gap
    is then in nats a token, and wants a larger `tau`."""

    paper: ClassVar[str] = "Azar et al., arXiv 2310.12036, eq. 17"
    equation: ClassVar[str] = "(h - 1/(2 tau))^2"

    @property
    def needs_logps(self) -> bool:
        """The reference's log-probabilities are in h."""
        return True

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the squared distance of h to the target gap, shape (N,)."""
        h = log_ratio_margin(pairs, self.log_prob)
        return LossOut(ipo(h, self.tau), pair_metrics(pairs, h))
