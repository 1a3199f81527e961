"""DRDO's gate opens by length: with summed log-probabilities z_w - z_l is mostly the difference in length."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.window import Window

KINDS = ("align",)
DRIVEN = 0.6
"""|r| from which length explains a third of the gate; the quickstart's DRDO, on a dozen words, has 0.35."""


def correlation(window: Window) -> float | None:
    """Return the correlation of the gate with winner's less loser's tokens."""
    return window.correlation("gate", "length_diff", "gate_x_length_diff")


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning."""
    end = case.end
    related = correlation(end) if end is not None else None
    if end is None or related is None or abs(related) < DRIVEN:
        return
    which = "longer" if related > 0 else "shorter"
    said = (
        f"the gate (1 - p_w)^gamma follows length: its correlation with the length difference (winner less loser) is "
        f"{related:+.2f}, so the contrast teaches mostly where the winner is {which}"
    )
    advice = "set `log_prob: mean`, or lower `gamma`; look at the samples' length against the start model's"
    yield Finding("warning", said, advice, (case.logged(end, "gate", "length_diff", correlation=related),))
