"""What a student's training metrics say about its loss, in sentences: facts with their numbers, and what to try.

Looks at the lines of `metrics.jsonl` alone, so it serves a finished stage and one that is still running.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

FEW_STEPS = 8
"""Fewer lines than this say nothing."""
DEAD = 1e-6
"""|log(1 - pi_l)| below this is no push on the loser."""
FALL = 0.1
"""A chosen log-probability that falls by more than this share is told, if it is also more than a nat."""
APART = 3.0
"""Standard deviations of the two reward margins that differ by more than this factor are of different scale."""

Means = dict[str, float]


def diagnose(metrics: Sequence[Mapping[str, float]]) -> list[str]:
    """Return what is doubtful about a student's training, as sentences; [] where nothing is.

    `metrics` has one mapping a step, metric -> mean over the global batch. Compares the means of the first tenth of the
    steps with those of the last quarter.
    """
    if len(metrics) < FEW_STEPS:
        return []
    start = _means(metrics[: max(1, len(metrics) // 10)])
    end = _means(metrics[-(len(metrics) // 4) :])
    return [*_gate(end), *_unlikelihood(end), *_chosen(start, end), *_scale(start, end)]


def _means(lines: Sequence[Mapping[str, float]]) -> Means:
    columns: dict[str, list[float]] = {}
    for line in lines:
        for name, value in line.items():
            if isinstance(value, int | float) and math.isfinite(value):
                columns.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in columns.items()}


def _sd(means: Means, name: str) -> float:
    """Return the standard deviation of a metric that is logged with its square."""
    return math.sqrt(max(0.0, means[f"{name}_sq"] - means[name] * means[name]))


def _gate(end: Means) -> list[str]:
    if not {"gate", "gate_sq"} <= end.keys():
        return []
    mean, spread = end["gate"], _sd(end, "gate")
    if mean > 0.999:  # no gate at all (gamma 0)
        return []
    said = f"the gate (1 - p_w)^gamma is {mean:.2g} on average (sd {spread:.2g})"
    if mean < 0.01:
        return [
            f"{said}: shut for nearly every pair, so the contrastive term teaches next to nothing; try a lower `gamma`"
        ]
    if spread < 0.02:
        return [f"{said}: a constant, not a focus; it only rescales `alpha`"]
    # a variable that is 0 or 1 has the variance m (1 - m): nothing in [0, 1] has more
    if spread**2 > 0.8 * mean * (1 - mean):
        return [f"{said}: saturated, open or shut with little between{_by_length(end)}"]
    return []


def _by_length(end: Means) -> str:
    if not {"length_diff", "length_diff_sq", "gate_x_length_diff"} <= end.keys():
        return ""
    spread = _sd(end, "gate") * _sd(end, "length_diff")
    if spread < 1e-12:
        return ""
    correlation = (end["gate_x_length_diff"] - end["gate"] * end["length_diff"]) / spread
    return f"; its correlation with the length difference (winner less loser) is {correlation:+.2f}"


def _unlikelihood(end: Means) -> list[str]:
    if "unlikelihood" not in end or abs(end["unlikelihood"]) >= DEAD:
        return []
    said = f"the unlikelihood term is dead: log(1 - pi_l) is {end['unlikelihood']:.1g} on average"
    return [f"{said}, so losers fall only through the gate's gradient, and not at all with `detach_gate` or `gamma: 0`"]


def _chosen(start: Means, end: Means) -> list[str]:
    if not {"chosen_logp", "rejected_logp"} <= start.keys() & end.keys():
        return []
    drop = start["chosen_logp"] - end["chosen_logp"]
    if drop < max(1.0, FALL * abs(start["chosen_logp"])):
        return []
    said = (
        f"the chosen responses' log-probability fell from {start['chosen_logp']:.1f} to {end['chosen_logp']:.1f} nats"
    )
    both = start["rejected_logp"] - end["rejected_logp"]
    if both > drop:
        said += f", the rejected ones' by more ({both:.1f}): mass moves to responses that no pair shows"
    return [f"{said}; a fault only where samples get worse: look at them, or lower the learning rate"]


def _scale(start: Means, end: Means) -> list[str]:
    wanted = {"dr", "dr_sq", "r_hat_margin", "r_hat_margin_sq"}
    if not wanted <= start.keys() & end.keys():
        return []
    teacher, student = _sd(end, "dr"), _sd(end, "r_hat_margin")
    if teacher < 1e-9:
        return ["the oracle gives every pair the same margin: there is nothing to distil"]
    said = (
        f"reward margins differ in scale at the end: sd {student:.2g} of the student's, {teacher:.2g} of the oracle's"
    )
    if student > APART * teacher:
        return [f"{said}; the distillation pulls the student together, try a lower `beta`"]
    if student * APART < teacher:
        grown = "" if student > _sd(start, "r_hat_margin") else " and no longer growing"
        return [f"{said}{grown}; try a larger `beta`, `reward_scale: std`, more steps or a higher learning rate"]
    return []
