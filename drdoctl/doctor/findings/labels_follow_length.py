"""Most labels prefer the longer response, or most the shorter one: length alone predicts them."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings._oracle import qualities

KINDS = ("rewards", "evaluate")
MOSTLY = 0.7
"""Share of pairs; the papers' corpora have 0.5 to 0.62."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning, once for all members."""
    for one in list(qualities(case))[:1]:
        if one.by_length is None or one.by_length < MOSTLY:
            continue
        longer = one.evidence.values.get("length_accuracy")
        which = "longer" if isinstance(longer, float) and longer > 0.5 else "shorter"
        said = f"{100 * one.by_length:.0f} % of the held-out labels prefer the {which} response"
        advice = "what learns from them learns length: look at the samples' length, and judge by like lengths too"
        yield Finding("warning", said, advice, (one.evidence,))
