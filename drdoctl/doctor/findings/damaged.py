"""A file that findings rest on is not as it was committed: they say nothing of it, and so this one does."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.core.commands import quoted
from drdoctl.core.words import STAGES
from drdoctl.doctor.case import Case, Finding

KINDS = STAGES


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault for each such file."""
    for name in case.damaged:
        what = "is not as it was committed" if (case.folder / name).is_file() else "is gone"
        said = f"`{name}` {what}: nothing is told of what it says"
        advice = f"delete the folder and run the same apply again: `rm -r {quoted(case.folder)}`"
        evidence = case.seen(name, {"committed_sha256": str((case.files or {})[name]["sha256"])})
        yield Finding("fault", said, advice, (evidence,))
