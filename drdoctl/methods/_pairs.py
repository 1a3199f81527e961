"""What several losses take from a batch of pairs: margins, and the metrics every method logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from drdoctl.core.numerics import share_above, widen

if TYPE_CHECKING:
    from torch import Tensor

    from drdoctl.methods import PairNumbers

RewardScale = Literal["none", "std"]
LogProb = Literal["sum", "mean"]


def logps(pairs: PairNumbers, log_prob: LogProb = "sum") -> tuple[Tensor, Tensor]:
    """Return (z_w, z_l), each (N,), in float32 or wider; `mean` divides by the response tokens."""
    chosen, rejected = widen(pairs.chosen_logp), widen(pairs.rejected_logp)
    if log_prob == "mean":
        return chosen / pairs.chosen_tokens, rejected / pairs.rejected_tokens
    return chosen, rejected


def reference_logps(pairs: PairNumbers, log_prob: LogProb = "sum") -> tuple[Tensor, Tensor]:
    """Return (zref_w, zref_l), each (N,). Raises ValueError where the batch has none."""
    if pairs.ref_chosen_logp is None or pairs.ref_rejected_logp is None:
        raise ValueError("this loss needs the reference's log-probabilities")
    chosen, rejected = widen(pairs.ref_chosen_logp), widen(pairs.ref_rejected_logp)
    if log_prob == "mean":
        return chosen / pairs.chosen_tokens, rejected / pairs.rejected_tokens
    return chosen, rejected


def log_ratios(pairs: PairNumbers, log_prob: LogProb = "sum") -> tuple[Tensor, Tensor]:
    """Return z_w - zref_w and z_l - zref_l, each (N,); exactly 0 where the policy is the reference."""
    chosen, rejected = logps(pairs, log_prob)
    ref_chosen, ref_rejected = reference_logps(pairs, log_prob)
    return chosen - ref_chosen, rejected - ref_rejected


def log_ratio_margin(pairs: PairNumbers, log_prob: LogProb = "sum") -> Tensor:
    """Return h = (z_w - zref_w) - (z_l - zref_l), shape (N,); exactly 0 where the policy is the reference."""
    chosen, rejected = log_ratios(pairs, log_prob)
    return chosen - rejected


def oracle_margins(pairs: PairNumbers, scale: RewardScale = "none") -> Tensor:
    """Return dr, shape (N, K), divided by its standard deviation over the training split where `scale` is `std`.

    A margin that never varies (standard deviation 0) is left as it is. Raises ValueError where rewards are missing.
    """
    if pairs.oracle_margin is None:
        raise ValueError("this loss needs the oracle's rewards")
    margins = widen(pairs.oracle_margin)
    if scale == "none":
        return margins
    if pairs.margin_std is None:
        raise ValueError("`reward_scale: std` needs the standard deviation of the oracle's margins")
    std = widen(pairs.margin_std)
    return margins / std.where(std > 0, 1.0)


def pair_metrics(pairs: PairNumbers, student_margin: Tensor) -> dict[str, Tensor]:
    """Return what every pairwise method logs, each (N,) and detached.

    `student_margin` is the student's own reward margin (N,): beta * h, or what stands for it. `implicit_accuracy`:
    does it put the labelled winner first; `oracle_agreement`: does it agree with the oracle (or the members' mean);
    `oracle_advantage`: the oracle's margin in favour of the response that it puts first (0 where it puts none first).
    From means of squares and products, standard deviations and correlations over any steps follow exactly.
    """
    chosen, rejected = (values.detach() for values in logps(pairs))
    margin, length = student_margin.detach(), widen(pairs.chosen_tokens - pairs.rejected_tokens)
    metrics = {
        "chosen_logp": chosen,
        "rejected_logp": rejected,
        "chosen_logp_per_token": chosen / pairs.chosen_tokens,
        "rejected_logp_per_token": rejected / pairs.rejected_tokens,
        "chosen_tokens": widen(pairs.chosen_tokens),
        "rejected_tokens": widen(pairs.rejected_tokens),
        "implicit_margin": margin,
        "implicit_margin_sq": margin**2,
        "implicit_accuracy": share_above(margin),
        "length_diff": length,
        "length_diff_sq": length**2,
        "implicit_margin_x_length_diff": margin * length,
    }
    if pairs.oracle_margin is not None:
        oracle = widen(pairs.oracle_margin).mean(dim=1)
        metrics["oracle_accuracy"] = share_above(oracle)
        metrics["oracle_agreement"] = share_above(margin * oracle.sign())
        metrics["oracle_advantage"] = oracle * margin.sign()
    return metrics


def distillation_metrics(dr: Tensor, student_margin: Tensor, error: Tensor) -> dict[str, Tensor]:
    """Return the squared error, both margins, their squares and their product, each (N,) and detached.

    From these averages follow standard deviations and the correlation of the student's rewards with the oracle's.
    """
    teacher, student = dr.detach(), student_margin.detach()
    return {
        "distillation": error.detach(),
        "dr": teacher,
        "dr_sq": teacher**2,
        "r_hat_margin": student,
        "r_hat_margin_sq": student**2,
        "dr_x_r_hat_margin": teacher * student,
    }
