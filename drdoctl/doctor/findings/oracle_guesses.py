"""The oracle does not know the held-out pairs' labels better than a coin: whatever it teaches or judges is noise."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings._oracle import qualities

KINDS = ("rewards", "evaluate")
FEW = 100
"""Fewer held-out pairs do not tell a good oracle from a coin, so nothing is said."""
SURE = 2.0
"""Standard errors above one half from which an oracle is better than a coin (one in forty coins is)."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault for each oracle that guesses."""
    for one in qualities(case):
        if one.rows < FEW or one.accuracy - SURE * one.error > 0.5:
            continue
        said = (
            f"{one.who} is no better than a coin: {100 * one.accuracy:.1f} % of {one.rows:,} held-out pairs are in the "
            "labels' order"
        )
        advice = "train it for longer or at a higher `oracle.learning_rate`, hold out more pairs, or look at the labels"
        yield Finding("fault", said, advice, (one.evidence,))
