"""Methods: one file a loss. Each turns cached and live numbers of a batch of pairs into one loss a pair.

To add one: write `methods/NAME.py` with a pure function on tensors (equation numbers on their
lines) and a class derived from `Method`; add `tests/methods/test_NAME.py`. Nothing else changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from drdoctl.core.parts import Optioned, discover

if TYPE_CHECKING:
    from torch import Tensor


PROGRESS = "progress"
"""Among a batch's `stats`: the share of the optimizer steps that are done, in [0, 1)."""
MISMATCHED = "mismatched_log_ratio"
"""Among `stats`, where a method `needs_mismatched`: the global batch's mean of log pi(y'|x) - log ref(y'|x), nats."""


@dataclass(frozen=True)
class PairNumbers:
    """All that a loss may look at, for N pairs. Log-probabilities are sums over response tokens, in float32 or wider.

    Nothing here depends on how the rows were packed: losses do not change when the engine does.
    """

    chosen_logp: Tensor
    """z_w = log pi(y_w | x). Shape (N,); gradient flows."""
    rejected_logp: Tensor
    """z_l = log pi(y_l | x). Shape (N,); gradient flows."""
    chosen_tokens: Tensor
    """Response tokens of y_w, the end token included. Shape (N,), float."""
    rejected_tokens: Tensor
    """Response tokens of y_l. Shape (N,), float."""
    oracle_margin: Tensor | None = None
    """dr = r*(y_w) - r*(y_l), one column for each oracle. Shape (N, K), in the oracle's units."""
    ref_chosen_logp: Tensor | None = None
    """zref_w, cached. Shape (N,)."""
    ref_rejected_logp: Tensor | None = None
    """zref_l, cached. Shape (N,)."""
    sample_logp: Tensor | None = None
    """log pi(y | x) of S responses that the reference gave to each prompt, cached. Shape (N, S); gradient flows."""
    ref_sample_logp: Tensor | None = None
    """log ref(y | x) of the same, cached. Shape (N, S)."""
    chosen_reward: Tensor | None = None
    """r_hat(y_w) of the student's reward head, where the method asks for one. Shape (N,); gradient flows."""
    rejected_reward: Tensor | None = None
    """r_hat(y_l) of the student's reward head. Shape (N,); gradient flows."""
    margin_std: Tensor | None = None
    """Standard deviation of dr over the training split, one for each oracle. Shape (K,)."""
    stats: dict[str, float] = field(default_factory=dict)
    """What `Method.follow` remembers, running or batch means of the loss's own metrics; and `PROGRESS`."""


@dataclass(frozen=True)
class LossOut:
    """One loss a pair and what to log. The engine averages both over the global batch."""

    losses: Tensor
    """Shape (N,); gradient flows."""
    metrics: dict[str, Tensor]
    """Detached, each of shape (N,)."""


class Method(Optioned):
    """A way to align the student. Subclasses add their hyper-parameters and `loss`."""

    learning_rate: float | None = Field(default=None, gt=0)
    """The student's learning rate with this method; without it, `train.learning_rate`."""

    paper: ClassVar[str] = ""
    """Where the equations are: arXiv number and equation."""
    equation: ClassVar[str] = ""
    """The loss of one pair, whose mean over the global batch is minimised, in the symbols of `_symbols`."""

    @property
    def batch_stats(self) -> bool:
        """Whether `stats` must hold means over the global batch before the loss is taken (one more forward pass)."""
        return False

    @property
    def needs_logps(self) -> bool:
        """Whether cached log-probabilities of the reference are needed."""
        return False

    @property
    def needs_mismatched(self) -> bool:
        """Whether `stats` must hold `MISMATCHED`, of prompts before other rows' responses (one more forward pass)."""
        return False

    @property
    def reference_samples(self) -> int:
        """How many responses of the reference to each prompt are needed, sampled once and cached."""
        return 0

    @property
    def oracle_members(self) -> int:
        """How many oracles' rewards are needed: 0 none, 1 the spec's oracle, K > 1 (or an ensemble) its own members."""
        return 0

    @property
    def ensemble(self) -> bool:
        """Whether the rewards come from members trained for this method (plain eq. 2) in place of the spec's oracle."""
        return False

    @property
    def needs_head(self) -> bool:
        """Whether the student carries a reward head, read in the same forward pass."""
        return False

    @property
    def head_rate(self) -> float | None:
        """The reward head's own learning rate, scheduled like the student's; None where it is the student's."""
        return None

    @property
    def head_limit(self) -> float | None:
        """The norm that the reward head's gradient is clipped to by itself; None where nothing clips it apart."""
        return None

    @property
    def detaches_trunk(self) -> bool:
        """Whether the reward head reads a detached hidden state, so that its loss never reaches the trunk."""
        return False

    def loss(self, pairs: PairNumbers) -> LossOut:
        """Return one loss a pair, shape (N,), and detached metrics of the same shape."""
        raise TypeError(f"method {self.name} has no loss")

    def follow(self, stats: dict[str, float], means: dict[str, float]) -> dict[str, float]:
        """Return the stats for the next step, given the global means of this step's metrics."""
        return stats

    def doubts(self) -> list[str]:
        """Return what is allowed in this combination of options, but hardly what is meant: sentences for a warning."""
        return []


def methods() -> dict[str, type[Method]]:
    """Return every method by name."""
    return discover(__name__, Method)
