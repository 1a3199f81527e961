"""The oracle that judges is the one that taught, or was trained on the same pairs: its win rates favour its pupils."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("evaluate",)
STAMPS = ("judge = teacher", "judge was trained on the pairs that the teachers were trained on")


def look(case: Case) -> Iterator[Finding]:
    """Yield a note, unless another judge's word is in the same evaluation."""
    stamps = [text for text in case.document("figures.json").get("warnings", ()) if text in STAMPS]
    figures = case.document("figures.json").get("figures", ())
    judges = {one["judge"] for one in figures if one.get("judge") and one.get("against")}
    if not stamps or judges - {"oracle"}:
        return
    said = f"every comparison of this student is by an oracle that is not independent: {stamps[0]}"
    advice = "do not compare it by these figures with students of other teachers; let an independent judge decide"
    yield Finding("note", said, advice, (case.seen("figures.json", {"judges": ", ".join(sorted(judges))}),))
