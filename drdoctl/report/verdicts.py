"""What language models say of the students: wins, ties and losses, and how far each judge can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drdoctl.core.words import LLM
from drdoctl.report.tables import NOTHING, Table, number, p_text, with_interval

COUNTS = ("wins", "ties", "losses")
SHARES = {"flip_rate": "orders differ, %", "first_position_rate": "first shown wins, %"}


def verdicts_table(report: Mapping[str, Any]) -> Table:
    """Return one row for each student, judge, baseline and temperature; no rows where no language model was asked."""
    rows = [row for student in report["students"] for row in _rows(student)]
    columns = ["student", "judge", "against", "at", "wins / ties / losses", "win rate, %", "p"]
    return Table("Judged by language models", [*columns, *SHARES.values(), "no verdict"], rows)


def _rows(student: Mapping[str, Any]) -> list[list[str]]:
    found: dict[tuple[str, str | None, float | None], dict[str, Mapping[str, Any]]] = {}
    for figure in student["figures"]:
        if str(figure["judge"]).startswith(LLM):
            key = figure["judge"], figure["against"], figure["temperature"]
            found.setdefault(key, {})[figure["metric"]] = figure
    return [[student["label"], *_cells(*key, by_metric)] for key, by_metric in found.items()]


def _cells(
    judge: str, against: str | None, at: float | None, by_metric: Mapping[str, Mapping[str, Any]]
) -> Sequence[str]:
    rate, unparsed = by_metric.get("win_rate"), by_metric.get("unparsed")
    counts = [_count(by_metric.get(name)) for name in COUNTS]
    return [
        judge.removeprefix(LLM),
        against or NOTHING,
        NOTHING if at is None else "greedy" if at == 0 else f"{at:g}",
        " / ".join(counts),
        with_interval(rate, 1, 100) + ("*" if rate and rate["warnings"] else ""),
        p_text(rate.get("p") if rate else None),
        *(number(by_metric[name]["value"] * 100, 1) if _known(by_metric.get(name)) else NOTHING for name in SHARES),
        f"{_count(unparsed)} of {unparsed['count']:,}" if unparsed else NOTHING,
    ]


def _known(figure: Mapping[str, Any] | None) -> bool:
    return figure is not None and figure["value"] is not None


def _count(figure: Mapping[str, Any] | None) -> str:
    """Return a count; a mean over seeds with one digit."""
    if figure is None or figure["value"] is None:
        return NOTHING
    value = figure["value"]
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
