"""Where the numbers come from: every stage with its artifact, what lies outside the store, versions, the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.report.markup import folded, table
from drdoctl.report.provenance import tables
from drdoctl.report.tables import Table

TITLE = "Provenance"
PLACE = 110


def html(report: Mapping[str, Any]) -> str:
    """Return the section."""
    stages, outside, versions, machine = (table(one, kind="text") for one in tables(report))
    marks = Table("Fingerprints", ["stage", "sha256"], [[row["id"], row["fingerprint"]] for row in report["stages"]])
    stages += folded("Fingerprints: over all that can change a result", table(marks, kind="text"))
    return f'{stages}{outside}<div class="beside">{versions}{machine}</div>'
