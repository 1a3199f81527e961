"""What a judge's verdicts on pairs say, where each pair was shown in both orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from drdoctl.core.significance import CHANCE
from drdoctl.core.statistics import share_above
from drdoctl.evals import Figure
from drdoctl.evals._compare import mean_figure

if TYPE_CHECKING:
    import numpy as np

ORDERS = ("student first", "baseline first")
STUDENT, BASELINE, TIE = "student", "baseline", "tie"
MOST_UNPARSED, MOST_FLIPS = 0.1, 0.5
"""Shares above which figures are stamped: a judge that does not answer, or that hardly looks at more than the order."""
Verdicts = tuple[str | None, str | None]
"""Of one pair, in the order of `ORDERS`: `student`, `baseline`, `tie`, or None for an answer that does not say."""


def figures(rows: Sequence[Verdicts], frame: Figure, seed: int) -> list[Figure]:
    """Return the figures of one comparison. `frame` holds what they share: judge, baseline, temperature, stamps.

    - `wins`, `ties`, `losses`: prompts; a win only where both orders prefer the student, and a loss likewise.
    - `win_rate`: wins and half of the ties, of the prompts whose answers both count.
    - `unparsed`: answers that are in no form that counts.
    - `flip_rate`: share of the prompts whose two orders do not say the same.
    - `first_position_rate`: of the answers that prefer a response, the share that prefers the one shown first; 1/2
      where the order does not matter.
    """
    import numpy as np

    whole = [row for row in rows if None not in row]
    frame = replace(frame, warnings=(*frame.warnings, *_doubts(rows, whole, frame)))
    won = [outcome(row) for row in whole]
    decided = np.array([[said not in (None, TIE) for said in row] for row in rows], dtype=float)
    firsts = np.array([[row[0] == STUDENT, row[1] == BASELINE] for row in rows], dtype=float)
    positions = np.stack([firsts.sum(axis=1), decided.sum(axis=1)], axis=1)[decided.any(axis=1)]
    signs = (("wins", 1), ("ties", 0), ("losses", -1))
    counts = [(name, won.count(sign), "prompts", len(won)) for name, sign in signs]
    counts.append(("unparsed", sum(row.count(None) for row in rows), "answers", len(ORDERS) * len(rows)))
    found = [
        *mean_figure("win_rate", share_above(np.array(won, dtype=float)), seed, null=CHANCE),
        *mean_figure("flip_rate", np.array([float(row[0] != row[1]) for row in whole]), seed),
        *mean_figure("first_position_rate", positions, seed, _ratio),
    ]
    shares = [
        replace(frame, metric=one.metric, value=one.value, low=one.low, high=one.high, unit="share", count=one.count,
                p=one.p)
        for one in found
    ]  # fmt: skip
    return shares + [replace(frame, metric=name, value=float(n), unit=unit, count=of) for name, n, unit, of in counts]


def _doubts(rows: Sequence[Verdicts], whole: Sequence[Verdicts], frame: Figure) -> list[str]:
    """Return what makes a judge's word doubtful in this comparison."""
    unparsed, answers = sum(row.count(None) for row in rows), len(ORDERS) * len(rows)
    flips = sum(row[0] != row[1] for row in whole)
    found = []
    if unparsed > MOST_UNPARSED * answers:
        found.append(f"{frame.judge} v {frame.against}: {unparsed:,} of {answers:,} answers have no verdict")
    if flips > MOST_FLIPS * len(whole):
        found.append(f"{frame.judge} v {frame.against}: in {flips:,} of {len(whole):,} prompts the two orders differ")
    return found


def outcome(row: Verdicts) -> int:
    """Return 1 where both orders prefer the student, -1 where both prefer the baseline, else 0."""
    if row[0] != row[1]:
        return 0
    return {STUDENT: 1, BASELINE: -1}.get(str(row[0]), 0)


def _ratio(means: np.ndarray) -> np.ndarray:
    """Return the first column's mean over the second's, from means (B, 2); NaN where the second is 0."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(means[:, 1] > 0, means[:, 0] / means[:, 1], np.nan)
