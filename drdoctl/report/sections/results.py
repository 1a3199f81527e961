"""The grid of results with its intervals, and every figure behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.report.charts.forest import Mark, interval_chart
from drdoctl.report.charts.lines import Line, line_chart
from drdoctl.report.markup import charts, folded, note, table
from drdoctl.report.palette import styles
from drdoctl.report.tables import (
    ABOUT_INTERVALS,
    Table,
    figure,
    headline_temperature,
    students_table,
    temperatures,
    with_interval,
)

TITLE = "Results"
PLACE = 10
CHARTS: tuple[tuple[str, str, str, float | None, float, Mapping[str, str]], ...] = (
    ("True reward", "truth.reward", "reward", None, 1, {}),
    ("Win rate against {against}, by {judge}", "win_rate", "% of prompts", 50, 100, {"against": "sft"}),
    ("Reward above {against}'s, by {judge}", "mean_difference", "reward", 0, 1, {"against": "sft"}),
    ("Win rate against {against}, by {judge}", "win_rate", "% of prompts", 50, 100, {"against": "reference"}),
)
"""Title, metric, unit, rule at, scale, and what is compared."""


def html(report: Mapping[str, Any]) -> str:
    """Return the section; a sentence where nothing was measured."""
    main = table(students_table(report))
    if not main:
        return "<p>No evaluation is finished yet.</p>"
    said = f"{ABOUT_INTERVALS} A win rate says how often, not by how much: read it beside the difference in reward."
    parts = [main, note(said), charts(_charts(report))]
    shown = students_table(report).title
    others = [students_table(report, at) for at in temperatures(report)]
    parts.append(folded("Other temperatures", "".join(table(one) for one in others if one.title != shown)))
    every = "".join(table(_all_figures(student)) for student in report["students"])
    return "".join(parts) + folded("Every figure", every)


def _charts(report: Mapping[str, Any]) -> list[str]:
    at = headline_temperature(report)
    place = "greedy" if at == 0 else f"temperature {at:g}" if at is not None else ""
    out = []
    for pattern, metric, unit, zero, scale, where in CHARTS:
        for judge in _judges(report, metric):
            of = {**where, "judge": judge}
            title = pattern.format(judge=judge, **where)
            out.append(
                interval_chart(title, _marks(report, metric, of | {"temperature": at}, scale), f"{unit}, {place}", zero)
            )
            if len(temperatures(report)) > 2:
                out.append(line_chart(f"{title}, by temperature", _by_temperature(report, metric, of), "temperature"))
    return out


def _judges(report: Mapping[str, Any], metric: str) -> list[str]:
    found = [row["judge"] for student in report["students"] for row in student["figures"] if row["metric"] == metric]
    return list(dict.fromkeys(judge for judge in found if judge is not None))


def _marks(report: Mapping[str, Any], metric: str, where: Mapping[str, Any], scale: float) -> list[Mark]:
    styled = styles(student["label"] for student in report["students"])
    marks = []
    for student in report["students"]:
        entry = figure(student, metric, **where)
        if entry is None or entry["value"] is None:
            continue
        low, high = (None if entry[end] is None else entry[end] * scale for end in ("low", "high"))
        told = with_interval(entry, 2 if scale == 1 else 1, scale)
        marks.append(Mark(student["label"], entry["value"] * scale, low, high, styled[student["label"]], told))
    return marks


def _by_temperature(report: Mapping[str, Any], metric: str, where: Mapping[str, Any]) -> list[Line]:
    styled, lines = styles(student["label"] for student in report["students"]), []
    for student in report["students"]:
        found = [(at, figure(student, metric, temperature=at, **where)) for at in temperatures(report)]
        points = [(at, entry["value"]) for at, entry in found if entry]
        if len(points) > 1:
            lines.append(Line(student["label"], points, styled[student["label"]]))
    return lines


def _all_figures(student: Mapping[str, Any]) -> Table:
    columns = ["metric", "value", "low", "high", "unit", "against", "judge", "temperature", "count", "p", "warnings"]
    rows = []
    for row in student["figures"]:
        cells = [row[name] for name in columns]
        cells[1:4] = ["-" if value is None else f"{value:.4g}" for value in cells[1:4]]
        cells[-2] = "-" if row["p"] is None else f"{row['p']:.2g}"
        cells[-1] = "; ".join(row["warnings"])
        rows.append(["-" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in cells])
    return Table(f"All figures of {student['label']}", columns, rows)
