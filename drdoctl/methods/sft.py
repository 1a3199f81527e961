"""SFT: imitate the chosen response and ignore the rejected one. The baseline below all preference losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from drdoctl.core.numerics import widen
from drdoctl.methods import LossOut, Method, PairNumbers

if TYPE_CHECKING:
    from torch import Tensor


def nll(logp: Tensor, tokens: Tensor, log_prob: Literal["sum", "mean"] = "mean") -> Tensor:
    """Return -z, or -z / n for `mean`: nats a response or nats a token. Shapes: all (N,)."""
    loss = -widen(logp)
    return loss / tokens if log_prob == "mean" else loss


class SftMethod(Method):
    """Supervised fine-tuning on the chosen responses of the pairs."""

    name: Literal["sft"]
    """`sft`."""
    log_prob: Literal["sum", "mean"] = "mean"
    """`mean`: every response weighs the same, whatever its length; `sum`: every token does."""

    paper: ClassVar[str] = "Ouyang et al., arXiv 2203.02155, section 3"
    equation: ClassVar[str] = "-z_w / n_w"

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return the negative log-likelihood of y_w, shape (N,)."""
        losses = nll(pairs.chosen_logp, pairs.chosen_tokens, self.log_prob)
        chosen = widen(pairs.chosen_logp).detach()
        metrics = {"chosen_logp": chosen, "chosen_logp_per_token": chosen / pairs.chosen_tokens}
        return LossOut(losses, metrics)
