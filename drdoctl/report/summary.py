"""The tables that a terminal gets at the end of an apply and from `drdoctl report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drdoctl.report.cautions import STARRED, notes
from drdoctl.report.choice import choice_table
from drdoctl.report.headline import headline
from drdoctl.report.tables import Table, differences_table, oracles_table, students_table
from drdoctl.report.verdicts import verdicts_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from drdoctl.plan.types import Plan
    from drdoctl.store.artifact import Store

FIGURES = "figures.json"
MOST = 40
"""Rows of a table; what more there is, is counted."""


def summary_of(report: Mapping[str, Any]) -> str:
    """Return the tables of a collected report, what was chosen first, and what must be read with them."""
    shown = headline(report)
    tables = [
        choice_table(report),
        students_table(shown, brief=True),
        differences_table(shown),
        verdicts_table(shown),
        oracles_table(shown),
    ]
    parts = [_short(table) for table in tables if table.rows and len(table.columns) > 1]
    starred = any(line.rstrip().endswith("*") or "* " in line for part in parts for line in part.splitlines())
    said = [text for text in notes(shown) if starred or text != STARRED]
    return "\n\n".join([*parts, "\n".join(said)]).strip() + "\n"


def _short(table: Table) -> str:
    more = len(table.rows) - MOST
    if more <= 0:
        return table.render()
    return f"{Table(table.title, table.columns, table.rows[:MOST]).render()}\n… and {more} more in the report"


def summary(report: Mapping[str, Any], store: Store, plan: Plan, place: Callable[[Path], str] = str) -> str:
    """Return the tables of a collected report as plain text, and what evals left for other programs."""
    return "\n".join([summary_of(report), *documents(store, plan, place)])


def documents(store: Store, plan: Plan, place: Callable[[Path], str] = str) -> list[str]:
    """Return a line for each file that an eval left for other programs; `place` writes its path."""
    stages = [stage.want for stage in plan.stages if stage.want.kind == "evaluate"]
    found = [
        f"{want.id}: {place(store.path(want.artifact) / name)}"
        for want in stages
        for name in sorted((store.manifest(want.artifact) or {}).get("files", {}))
        if name.endswith(".json") and name != FIGURES
    ]
    more = [f"… and {len(found) - MOST} more such files"] if len(found) > MOST else []
    return [*found[:MOST], *more]
