"""What a judge's verdicts on pairs say, where each pair was shown in both orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

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


def figures(rows: Sequence[Verdicts], seed: int, *, warnings: tuple[str, ...], **frame: Any) -> list[Figure]:
    """Return the figures of one comparison. `frame` is what they share: `judge`, `against` and `temperature`.

    - `wins`, `ties`, `losses`: prompts; a win only where both orders prefer the student, and a loss likewise.
    - `win_rate`: wins and half of the ties, of the prompts whose answers both count.
    - `unparsed`: answers that are in no form that counts.
    - `flip_rate`: share of the prompts whose two orders do not say the same.
    - `first_position_rate`: of the answers that prefer a response, the share that prefers the one shown first; 1/2
      where the order does not matter.
    """
    import numpy as np

    whole = [row for row in rows if None not in row]
    doubts = [f"{frame['judge']} v {frame['against']}: {doubt}" for doubt in _doubts(rows, whole)]
    frame["warnings"] = (*warnings, *doubts)
    won = [outcome(row) for row in whole]
    decided = np.array([[said not in (None, TIE) for said in row] for row in rows], dtype=float)
    firsts = np.array([[row[0] == STUDENT, row[1] == BASELINE] for row in rows], dtype=float)
    positions = np.stack([firsts.sum(axis=1), decided.sum(axis=1)], axis=1)[decided.any(axis=1)]
    share: Callable[..., list[Figure]] = partial(mean_figure, seed=seed, unit="share", **frame)
    signs = (("wins", 1), ("ties", 0), ("losses", -1))
    unparsed, answers = sum(row.count(None) for row in rows), len(ORDERS) * len(rows)
    return [
        *share("win_rate", share_above(np.array(won, dtype=float)), null=CHANCE),
        *share("flip_rate", np.array([float(row[0] != row[1]) for row in whole])),
        *share("first_position_rate", positions, statistic=_ratio),
        *(Figure(name, float(won.count(sign)), unit="prompts", count=len(won), **frame) for name, sign in signs),
        Figure("unparsed", float(unparsed), unit="answers", count=answers, **frame),
    ]


def _doubts(rows: Sequence[Verdicts], whole: Sequence[Verdicts]) -> list[str]:
    """Return what makes a judge's word doubtful in this comparison."""
    unparsed, answers = sum(row.count(None) for row in rows), len(ORDERS) * len(rows)
    flips = sum(row[0] != row[1] for row in whole)
    found = []
    if unparsed > MOST_UNPARSED * answers:
        found.append(f"{unparsed:,} of {answers:,} answers have no verdict")
    if flips > MOST_FLIPS * len(whole):
        found.append(f"in {flips:,} of {len(whole):,} prompts the two orders differ")
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
