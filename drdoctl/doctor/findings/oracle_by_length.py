"""The oracle is no better than counting tokens, or follows length closely: what it teaches is length."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings._oracle import Quality, qualities
from drdoctl.doctor.findings.oracle_guesses import SURE

KINDS = ("rewards", "evaluate")
CLOSELY = 0.6
"""|r| of reward margin and length difference; sound oracles of the generated world have about 0.25."""
TELLING = 0.6
"""Accuracy of length alone from which it is a rival: below, labels hardly depend on it."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning for each oracle."""
    for one in qualities(case):
        said = _said(one)
        if said:
            advice = "look at the labels: are they length-biased? Judge by like lengths too (`win_rate_like_length`)"
            yield Finding("warning", f"{one.who} {said}", advice, (one.evidence,))


def _said(one: Quality) -> str:
    related = one.length_correlation or 0.0
    if one.by_length is not None and one.by_length >= TELLING and one.accuracy <= one.by_length + SURE * one.error:
        return (
            f"is no better than counting tokens: {100 * one.accuracy:.1f} % of {one.rows:,} held-out pairs right, "
            f"{100 * one.by_length:.1f} % by length alone"
        )
    if abs(related) >= CLOSELY:
        which = "longer" if related > 0 else "shorter"
        return (
            f"follows length: its margins correlate {related:+.2f} with the length difference, for the {which} response"
        )
    return ""
