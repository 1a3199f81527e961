"""Most training labels prefer the longer response, or most the shorter one: length alone predicts them."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("data",)
MOSTLY = 0.7
"""Share of the pairs whose responses differ in length; 0.40 to 0.55 in HH, UltraFeedback, `notes`."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning: of the pairs as they are trained on, after all steps of the split."""
    found = (case.document("report.json").get("statistics") or {}).get("train") or [{}]
    longer, unlike = found[-1].get("longer_chosen"), found[-1].get("unlike_lengths")
    if not isinstance(longer, float) or max(longer, 1 - longer) < MOSTLY:
        return
    share, which = (longer, "longer") if longer > 0.5 else (1 - longer, "shorter")
    said = f"{100 * share:.0f} % of the training labels prefer the {which} response, where lengths differ"
    advice = "what learns from them learns length: look at the samples' length, and judge by like lengths too"
    values = {"rows": found[-1].get("rows"), "longer_chosen": longer, "unlike_lengths": unlike}
    yield Finding("warning", said, advice, (case.seen("report.json", values),))
