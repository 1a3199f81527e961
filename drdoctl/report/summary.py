"""The tables at the end of an apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drdoctl.report.collect import collect
from drdoctl.report.tables import summary_of

if TYPE_CHECKING:
    from drdoctl.plan.types import Plan
    from drdoctl.store.artifact import Store


def summary(store: Store, plan: Plan) -> str:
    """Return the tables of a plan's finished evaluations, as plain text."""
    return summary_of(collect(store, plan))
