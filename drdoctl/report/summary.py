"""The tables that a terminal gets at the end of an apply and from `drdoctl report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drdoctl.report.choice import choice_table
from drdoctl.report.collect import collect
from drdoctl.report.headline import headline
from drdoctl.report.tables import Table, differences_table, notes, oracles_table, students_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drdoctl.plan.types import Plan
    from drdoctl.store.artifact import Store

MOST = 40
"""Rows of a table; what more there is, is counted."""


def summary_of(report: Mapping[str, Any]) -> str:
    """Return the tables of a collected report, what was chosen first, and what must be read with them."""
    shown = headline(report)
    tables = [
        choice_table(report),
        students_table(shown, brief=True),
        differences_table(shown),
        oracles_table(shown),
    ]
    parts = [_short(table) for table in tables if table.rows and len(table.columns) > 1]
    return "\n\n".join([*parts, "\n".join(notes(shown))]).strip() + "\n"


def _short(table: Table) -> str:
    more = len(table.rows) - MOST
    if more <= 0:
        return table.render()
    return f"{Table(table.title, table.columns, table.rows[:MOST]).render()}\n… and {more} more in the report"


def summary(store: Store, plan: Plan) -> str:
    """Return the tables of a plan's finished evaluations, as plain text."""
    return summary_of(collect(store, plan))
