"""The oracle that judges is the one that taught, or was trained on the same pairs: its win rates favour its pupils."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.core.words import STAMPS
from drdoctl.doctor.case import Case, Finding

KINDS = ("evaluate",)


def look(case: Case) -> Iterator[Finding]:
    """Yield a note, unless another judge's word is in the same evaluation."""
    figures = [
        one for one in case.document("figures.json").get("figures", ()) if one.get("judge") and one.get("against")
    ]
    stamps = [[text for text in one.get("warnings") or () if text in STAMPS] for one in figures]
    if not figures or not all(stamps):
        return
    said = f"every comparison of this student is by an oracle that is not independent: {stamps[0][0]}"
    advice = "do not compare it by these figures with students of other teachers; name an independent judge (`judges:`)"
    judges = ", ".join(sorted({str(one["judge"]) for one in figures}))
    yield Finding("note", said, advice, (case.seen("figures.json", {"judges": judges, "stamp": stamps[0][0]}),))
