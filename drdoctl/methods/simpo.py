"""SimPO: the reward is the mean log-probability of a token, so length earns nothing; a target margin; no reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.methods import LossOut, Method, PairNumbers
from drdoctl.methods._pairs import logps, pair_metrics

if TYPE_CHECKING:
    from torch import Tensor


def simpo(mean_margin: Tensor, beta: float, gamma: float) -> Tensor:
    """Return -log sigmoid(beta (zbar_w - zbar_l) - gamma) (Meng et al., arXiv 2405.14734, eq. 6). Shapes: (N,)."""
    from torch.nn.functional import logsigmoid

    return -logsigmoid(beta * mean_margin - gamma)


class SimpoMethod(Method):
    """Simple preference optimisation: no reference, rewards a token."""

    name: Literal["simpo"]
    """`simpo`."""
    beta: float = Field(default=2.0, gt=0)
    """Scale of the reward beta * z / n; the paper sweeps 2 to 2.5."""
    gamma: float = Field(default=1.0, ge=0)
    """Target margin of the rewards, in their units, 0.3 to 1.6 in the paper. TRL's `simpo_gamma`, not gamma/beta."""

    paper: ClassVar[str] = "Meng et al., arXiv 2405.14734, eq. 6"
    equation: ClassVar[str] = "-log sigmoid(beta (z_w / n_w - z_l / n_l) - gamma)"

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the logistic loss of each pair beyond the target margin, shape (N,)."""
        chosen, rejected = logps(pairs, "mean")
        margin = chosen - rejected
        return LossOut(simpo(margin, self.beta, self.gamma), pair_metrics(pairs, self.beta * margin))
