"""Length against reward: whether a student earns its reward by writing more, and who is longer than whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from drdoctl.core.bootstrap import interval
from drdoctl.core.parts import Model
from drdoctl.core.statistics import pearson

if TYPE_CHECKING:
    import numpy as np

    from drdoctl.report.samples import Way

BINS = 5
"""Bins of equal count, by length."""


class LengthBin(Model):
    """Responses of like length."""

    tokens: float
    """Their mean length, the end token included."""
    reward: float
    """Their mean reward."""
    count: int
    """Responses."""


class LengthRow(Model):
    """One student's (or the reference's) responses by one judge."""

    student: str
    """Label, or `reference` for the logged responses."""
    judge: str
    """`truth`, `oracle` or a judge that the spec names."""
    count: int
    """Responses."""
    tokens: float
    """Mean length, the end token included."""
    tokens_low: float | None
    """Lower end of its 95 % interval over prompts."""
    tokens_high: float | None
    """Upper end."""
    reward: float
    """Mean reward."""
    low: float | None
    """Lower end of its 95 % interval over prompts."""
    high: float | None
    """Upper end."""
    correlation: float | None
    """Pearson's r of tokens and reward over the responses; null where one does not vary."""
    bins: list[LengthBin]
    """The shortest fifth first."""


def lengths(groups: Mapping[str, Way], judges: Mapping[str, str], seed: int) -> list[LengthRow]:
    """Return a row for each group of responses (label -> its responses, the reference's first) and each judge.

    `judges`: judge -> its column of scores; judges that scored nothing are left out.
    """
    return [row for label, responses in groups.items() for row in _rows(label, responses, judges, seed)]


def _rows(label: str, responses: Way, judges: Mapping[str, str], seed: int) -> Iterator[LengthRow]:
    import numpy as np

    tokens = responses.numbers("tokens")
    for judge, column in judges.items():
        reward = responses.numbers(column)
        if tokens is not None and reward is not None:
            both = np.stack([tokens, reward], axis=1)[responses.read]
            known = both[np.isfinite(both).all(axis=1)]
            if len(known):
                yield _row(known, judge, label, seed)


def _row(table: np.ndarray, judge: str, label: str, seed: int) -> LengthRow:
    import numpy as np

    tokens, reward = (interval(table[:, at], seed) or (None, None) for at in (0, 1))
    ordered = table[np.argsort(table[:, 0], kind="stable")]
    parts = [part for part in np.array_split(ordered, BINS) if len(part)]
    return LengthRow(
        student=label,
        judge=judge,
        count=len(table),
        tokens=float(table[:, 0].mean()),
        tokens_low=tokens[0],
        tokens_high=tokens[1],
        reward=float(table[:, 1].mean()),
        low=reward[0],
        high=reward[1],
        correlation=pearson(*table.T),
        bins=[LengthBin(tokens=float(p[:, 0].mean()), reward=float(p[:, 1].mean()), count=len(p)) for p in parts],
    )
