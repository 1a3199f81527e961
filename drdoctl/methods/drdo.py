"""DRDO: distil the oracle's reward margins and contrast the two responses, gated by how unsure the student is.

arXiv 2410.08458, eq. 6:

    L = (dr - (r_hat_w - r_hat_l))^2 - alpha (1 - p_w)^gamma log[pi_w / (1 - pi_l)],   p_w = sigmoid(z_w - z_l)

The paper leaves r_hat open, and its printed fraction contradicts its text; docs/methods.md says what is taken, and why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from drdoctl.core.numerics import focal_gate, log1mexp, share_above, widen
from drdoctl.methods import LossOut, Method, PairNumbers
from drdoctl.methods._distilled import distill
from drdoctl.methods._pairs import (
    LogProb,
    RewardScale,
    distillation_metrics,
    log_ratio_margin,
    logps,
    oracle_margins,
    pair_metrics,
)

if TYPE_CHECKING:
    from typing import Self

    from torch import Tensor

OF_HEAD = ("detach_trunk", "head_learning_rate", "head_max_grad_norm")
"""Options of the reading `head`."""


def contrast(z_w: Tensor, z_l: Tensor, gate: Tensor, *, printed: bool = False) -> Tensor:
    """Return the contrastive log-unlikelihood -gate * [z_w + log(1 - exp z_l)], without alpha. Shapes: (N,).

    `printed` takes the fraction of eq. 6 by the letter, -gate * [z_w - log(1 - exp z_l)], whose last term raises pi_l.
    """
    unlikelihood = log1mexp(z_l)
    return -gate * (z_w - unlikelihood if printed else z_w + unlikelihood)  # eq. 6, second term


class DrdoMethod(Method):
    """Direct reward distillation and policy optimisation. Needs one oracle; the reference comes from its cache."""

    name: Literal["drdo"]
    """`drdo`."""
    alpha: float = Field(default=0.1, ge=0)
    """Weight of the contrastive term; 0 is pure reward distillation."""
    gamma: float = Field(default=2.0, ge=0)
    """Exponent of the focal gate (1 - p_w)^gamma; 0 is no gate."""
    reward: Literal["implicit", "head"] = "implicit"
    """What r_hat is: `implicit`, beta times the response's log-probability; `head`, a linear head on the student."""
    beta: float = Field(default=0.1, gt=0)
    """Scale of the implicit reward: oracle units a nat."""
    reference: bool = True
    """Subtract the reference's log-probability from the implicit reward. Without it the student's margins of long
    responses are a hundred nats and more from the start and drown the oracle's: fit for short responses only."""
    log_prob: LogProb = "sum"
    """Log-probabilities in the contrastive term: of the whole response (`sum`), or a token (`mean`)."""
    unlikelihood: Literal["lower", "printed"] = "lower"
    """`lower`: + log(1 - pi_l), which lowers the loser, as the paper's text says; `printed`: - log(1 - pi_l), by the
    letter of eq. 6, which raises it."""
    detach_gate: bool = False
    """Let no gradient through the focal gate (eq. 32 vanishes, eq. 33 stays)."""
    detach_trunk: bool = False
    """Let the head's loss train only the head."""
    head_learning_rate: float | None = Field(default=None, gt=0)
    """The head's learning rate; without it, the student's. Its gradient counts for a thousandth in the
    norm that clips the trunk's."""
    head_max_grad_norm: float | None = Field(default=None, gt=0)
    """The head's gradient is clipped to this norm, apart from the trunk's; without it, by the trunk's factor."""
    reward_scale: RewardScale = "none"
    """`std` divides the oracle's margins by their standard deviation over the training split; `none`: its units."""
    distillation: bool = True
    """Whether the first term of eq. 6 is there; false is the contrast alone, and needs no oracle."""
    contrast: bool = True
    """Whether the second term of eq. 6 is there."""

    paper: ClassVar[str] = "Nath et al., arXiv 2410.08458, eq. 6"
    later: ClassVar[tuple[str, ...]] = ("head_learning_rate", "head_max_grad_norm")
    equation: ClassVar[str] = "(dr - dr_hat)^2 - alpha (1 - p_w)^gamma [z_w + log(1 - exp z_l)]"

    @property
    def needs_logps(self) -> bool:
        """Only where the implicit reward subtracts the reference."""
        return self.distillation and self.reward == "implicit" and self.reference

    @property
    def oracle_members(self) -> int:
        """One, unless nothing is distilled."""
        return int(self.distillation)

    @property
    def needs_head(self) -> bool:
        """Where r_hat is a head's."""
        return self.distillation and self.reward == "head"

    @property
    def head_rate(self) -> float | None:
        """The head's own, where it has one."""
        return self.head_learning_rate

    @property
    def head_limit(self) -> float | None:
        """The head's own, where it has one."""
        return self.head_max_grad_norm

    @property
    def detaches_trunk(self) -> bool:
        """Where the head's loss is kept from the trunk."""
        return self.needs_head and self.detach_trunk

    @model_validator(mode="after")
    def _has_a_term(self) -> Self:
        if not (self.distillation or self.contrast):
            raise ValueError("`distillation` and `contrast` are both false: nothing is left to train on")
        return self

    def idle(self) -> dict[str, str]:
        """Options of a term that is off, of the other reading of r_hat, or of a gate that is constant."""
        idle: dict[str, str] = {}
        if not self.contrast:
            off: tuple[str, ...] = ("alpha", "gamma", "log_prob", "unlikelihood", "detach_gate")
            idle |= dict.fromkeys(off, "with `contrast: false`")
        elif self.gamma == 0:
            idle["detach_gate"] = "with `gamma: 0`"
        if not self.distillation:
            off = ("reward", "beta", "reference", "reward_scale", *OF_HEAD)
            idle |= dict.fromkeys(off, "with `distillation: false`")
        elif self.reward == "head":
            idle |= dict.fromkeys(("beta", "reference"), "with `reward: head`")
        else:
            idle |= dict.fromkeys(OF_HEAD, "with `reward: implicit`")
        return idle

    def doubts(self) -> list[str]:
        """Name the contrast of summed log-probabilities without the gate: only its first half is left."""
        if self.contrast and self.alpha and self.log_prob == "sum" and self.gamma == 0:
            said = "the contrastive term is then plain SFT on the chosen response"
            return [f"method `{self.name}` with `log_prob: sum` and `gamma: 0`: {said}"]
        return []

    def student_margin(self, pairs: PairNumbers) -> Tensor:
        """Return r_hat_w - r_hat_l in the reading asked for, shape (N,), in the oracle's units."""
        if self.needs_head:
            if pairs.chosen_reward is None or pairs.rejected_reward is None:
                raise ValueError("`reward: head` needs the rewards of the student's head")
            return widen(pairs.chosen_reward) - widen(pairs.rejected_reward)
        if self.needs_logps:
            return self.beta * log_ratio_margin(pairs)
        chosen, rejected = logps(pairs)
        return self.beta * (chosen - rejected)

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return eq. 6 for each pair, shape (N,)."""
        margin = self.student_margin(pairs)
        z_w, z_l = logps(pairs)
        losses = (z_w - z_l) * 0
        # the student's own order of the two is its log-probabilities'; a head's is logged beside it
        metrics = pair_metrics(pairs, self.beta * (z_w - z_l) if self.needs_head else margin)
        if self.distillation:
            dr = oracle_margins(pairs, self.reward_scale)[:, 0]
            first = distill(dr, margin)  # eq. 6, first term
            losses = losses + first
            metrics |= {
                **distillation_metrics(dr, margin, first),
                "r_hat_accuracy": share_above(margin),
                "r_hat_oracle_agreement": share_above(margin * dr.sign()),
            }
        if self.contrast:
            second, logged = self._contrast(pairs)
            losses = losses + self.alpha * second
            metrics |= logged
        return LossOut(losses, metrics)

    def _contrast(self, pairs: PairNumbers) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the second term without alpha, and its metrics.

        The gate's square and its product with the length difference give the engine's averages what its standard
        deviation and its correlation with that difference are made from.
        """
        z_w, z_l = logps(pairs, self.log_prob)
        gate = focal_gate(z_w - z_l, self.gamma)  # (1 - p_w)^gamma
        if self.detach_gate:
            gate = gate.detach()
        term = contrast(z_w, z_l, gate, printed=self.unlikelihood == "printed")
        seen, length = gate.detach(), widen(pairs.chosen_tokens - pairs.rejected_tokens)
        return term, {
            "contrast": term.detach(),
            "gate": seen,
            "gate_sq": seen**2,
            "p_w": (z_w - z_l).detach().sigmoid(),
            "unlikelihood": log1mexp(z_l.detach()),
            "gate_x_length_diff": seen * length,
        }
