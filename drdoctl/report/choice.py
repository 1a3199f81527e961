"""What `select` picked, as a table: each group's settings with the validation figure that chose among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.report.tables import Table, number

MOST = 24
"""With more settings than this only those picked are shown, with how many they were picked from."""
SHARE = "share"
"""The unit of what is shown in percent."""


def choice_table(report: Mapping[str, Any]) -> Table:
    """Return one row a setting, each group's picked one first; without rows where nothing is chosen."""
    groups = report["selection"]
    short = sum(len(group["candidates"]) for group in groups) > MOST
    rows = []
    for group in groups:
        ordered = sorted(group["candidates"], key=lambda row: not row["picked"])
        for row in ordered[:1] if short and group["picked"] is not None else ordered:
            mark = f"best of {len(ordered)}" if row["picked"] else ""
            rows.append([row["setting"], _number(group["unit"], row["validation"]), mark])
    if not groups:
        return Table("", [], [])
    by = groups[0]
    unit = ", %" if by["unit"] == SHARE else ""
    return Table(_title(by), ["setting", f"{by['metric']}{unit}, validation", "picked"], rows)


def _title(by: Mapping[str, Any]) -> str:
    over = ", ".join(by["over"])
    said = [f"against {by['against']}"] if by.get("against") else []
    said += [f"by {by['judge']}"] if by.get("judge") else []
    if by.get("temperature") is not None:
        said.append("greedy" if by["temperature"] == 0 else f"at temperature {by['temperature']:g}")
    of = f" ({', '.join(said)})" if said else ""
    best = "largest" if by["goal"] == "max" else "smallest"
    return f"Chosen over {over} by the {best} mean of {by['metric']}{of} on validation prompts"


def _number(unit: str, value: float | None) -> str:
    if unit != SHARE:
        return number(value, 3)
    return number(None if value is None else value * 100, 1)
