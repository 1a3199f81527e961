"""A stage failed: its own word on it, with its remedy."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.core.words import STAGES
from drdoctl.doctor.case import Case, Finding
from drdoctl.store.status import faults_of

KINDS = STAGES


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault for each of the stage's own."""
    if case.state != "failed":
        return
    for fault in faults_of(case.document("failure.json")):
        values: dict[str, float | int | str | None] = {"code": str(fault.get("code")), "steps": len(case.lines)}
        advice = str(fault.get("hint") or f"read `{case.folder / 'log.txt'}`")
        said = f"the stage failed: {fault['message']}"
        yield Finding("fault", said, advice, (case.seen("failure.json", values),))
