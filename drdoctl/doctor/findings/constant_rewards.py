"""The oracle gives every pair the same margin: there is nothing to distil."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("align",)
CONSTANT = 1e-9
"""Standard deviation of the margins, in the oracle's units, that no trained oracle has."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault."""
    end = case.end
    if end is None or not end.has("dr", "dr_sq") or end.sd("dr") >= CONSTANT:
        return
    said = "the oracle gives every pair the same margin: there is nothing to distil"
    advice = "look at the oracle: did it train, and does `drdoctl score` tell two responses apart?"
    yield Finding("fault", said, advice, (case.logged(end, "dr", dr_sd=end.sd("dr")),))
