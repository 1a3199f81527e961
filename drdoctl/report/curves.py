"""Curves of what training logged: thinned to means, with the spreads and correlations that squares and products give.

`figure4` lays the students' curves side by side on the same steps, as in Figure 4 of DRDO (arXiv 2410.08458).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drdoctl.core.words import ORACLE, REFERENCE
from drdoctl.doctor.case import USUAL
from drdoctl.doctor.window import Window
from drdoctl.report.model import Curves, Panel
from drdoctl.report.rows import FigureRow

Lines = Sequence[Mapping[str, Any]]
"""A log of training, as `read_metrics` gives it."""
POINTS = 100
"""Points of a curve at most."""
SPREADS = {f"{name}_sd": name for name in ("gate", "dr", "r_hat_margin", "implicit_margin", "margin", "reward")}
"""Derived series -> the metric that is logged with its square."""
CORRELATIONS = {
    "reward_correlation": ("dr", "r_hat_margin", "dr_x_r_hat_margin"),
    "implicit_length_correlation": ("implicit_margin", "length_diff", "implicit_margin_x_length_diff"),
    "gate_length_correlation": ("gate", "length_diff", "gate_x_length_diff"),
    "oracle_length_correlation": ("margin", "length_diff", "margin_x_length_diff"),
}
"""Derived series -> two metrics and their product."""
BATCHES = "on the pairs of the batches, which the first epoch sees for the first time"
ADVANTAGE = (
    "the oracle's mean margin in favour of the response that the student's implicit reward puts first, "
    f"{BATCHES}, where training has rewards; measured: the oracle's mean reward of samples less that of references"
)
FIGURE4 = (
    (
        "implicit_accuracy",
        "Implicit reward accuracy",
        "share",
        f"share of pairs whose labelled winner has the larger implicit reward, {BATCHES}; measured: on held-out pairs",
    ),
    ("oracle_advantage", "Oracle reward advantage", "reward", ADVANTAGE),
    (
        "chosen_logp",
        "Log-probability of the preferred response",
        "nats",
        f"mean of log pi(y_w | x), summed over tokens, {BATCHES}",
    ),
    (
        "rejected_logp",
        "Log-probability of the dispreferred response",
        "nats",
        f"mean of log pi(y_l | x), summed over tokens, {BATCHES}",
    ),
)
"""Metric, title, unit and what is plotted, panel by panel. The paper's curves are of its evaluation set."""
MEASURED: Mapping[str, Mapping[str, Any]] = {
    "implicit_accuracy": {"metric": "implicit_accuracy"},
    "oracle_advantage": {"metric": "mean_difference", "judge": ORACLE, "against": REFERENCE},
}


def curves(lines: Lines, stage: str, said: Sequence[str]) -> Curves | None:
    """Return a training stage's curves, or None where it logged nothing. `said`: what the doctor sees in it."""
    if not lines:
        return None
    every = math.ceil(len(lines) / POINTS)
    bins = [Window(lines[at : at + every]) for at in range(0, len(lines), every)]
    names = sorted({name for line in lines for name in line} - {"step"})
    series = {name: [_known(part.mean(name)) for part in bins] for name in names}
    for name, of in SPREADS.items():
        if {of, f"{of}_sq"} <= series.keys():
            series[name] = [_known(part.sd(of)) for part in bins]
    for name, (x, y, product) in CORRELATIONS.items():
        if product in series:
            series[name] = [part.correlation(x, y, product) for part in bins]
    return Curves(stage=stage, every=every, step=[part.last for part in bins], series=series, diagnosis=list(said))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def figure4(logs: Mapping[str, Lines], figures: Mapping[str, Iterable[FigureRow]]) -> list[Panel]:
    """Return the four panels: every student's curve on the same steps.

    `logs`: label -> the aligned student's log; `figures`: label -> what its evaluation measured.
    """
    last = max((int(lines[-1]["step"]) for lines in logs.values() if lines), default=0)
    every = math.ceil(last / POINTS) or 1
    steps = [min(at + every, last) for at in range(0, last, every)]
    panels = []
    for metric, title, unit, about in FIGURE4:
        found = {label: _aligned(lines, metric, every, len(steps)) for label, lines in logs.items()}
        known = {label: values for label, values in found.items() if any(value is not None for value in values)}
        measured = {label: row for label in logs if (row := _measured(figures.get(label, ()), metric)) is not None}
        panels.append(
            Panel(metric=metric, title=title, unit=unit, about=about, step=steps, series=known, measured=measured)
        )
    return panels if logs else []


def _aligned(lines: Lines, metric: str, every: int, points: int) -> list[float | None]:
    """Return a metric's means over `every` steps; None where a shorter training has ended."""
    bins: list[list[Mapping[str, Any]]] = [[] for _ in range(points)]
    for line in lines:
        bins[(int(line["step"]) - 1) // every].append(line)
    return [_known(Window(group).mean(metric)) if group else None for group in bins]


def _measured(figures: Iterable[FigureRow], metric: str) -> FigureRow | None:
    """Return the figure that the evaluation has for a panel, that at the temperature nearest 0.7 where several are."""
    wanted = MEASURED.get(metric)
    if wanted is None:
        return None
    fitting = [row for row in figures if all(getattr(row, key) == value for key, value in wanted.items())]
    return min(fitting, key=lambda row: abs((row.temperature or 0.0) - USUAL), default=None)
