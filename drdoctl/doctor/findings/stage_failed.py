"""A stage failed: its own word on it, with its remedy."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.core.words import STAGES
from drdoctl.doctor.case import Case, Finding

KINDS = STAGES


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault for each of the stage's own."""
    if case.state != "failed":
        return
    for fault in case.document("failure.json").get("faults", ()):
        values = {"code": fault.get("code"), "steps": len(case.lines)}
        advice = fault.get("hint") or f"read `{case.folder / 'log.txt'}`"
        yield Finding(
            "fault", f"the stage failed: {fault.get('message')}", advice, (case.seen("failure.json", values),)
        )
