"""What the students learnt from: what was read, kept and dropped, and what the pairs are like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.report.markup import table
from drdoctl.report.provenance import data_tables

TITLE = "Data"
PLACE = 70


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" where the data stage is not finished."""
    if not report["data"]:
        return ""
    *counts, facts = data_tables(report)
    return "".join(map(table, counts)) + table(facts, kind="text")
