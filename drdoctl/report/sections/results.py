"""The grid of results with its intervals, and every figure behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drdoctl.core.words import REFERENCE, SFT
from drdoctl.report.cautions import about_intervals
from drdoctl.report.charts.forest import Mark, interval_chart
from drdoctl.report.charts.lines import Line, line_chart
from drdoctl.report.headline import headline
from drdoctl.report.markup import charts, folded, note, table
from drdoctl.report.palette import styles_of
from drdoctl.report.tables import (
    NOTHING,
    Table,
    figure,
    headline_temperature,
    p_text,
    students_table,
    temperatures,
    with_interval,
)

TITLE = "Results"
PLACE = 10
CHARTS: tuple[tuple[str, str, str, float | None, float, Mapping[str, str]], ...] = (
    ("True reward", "truth.reward", "reward", None, 1, {}),
    ("Win rate against {against}, by {judge}", "win_rate", "% of prompts", 50, 100, {"against": SFT}),
    ("Reward above {against}'s, by {judge}", "mean_difference", "reward", 0, 1, {"against": SFT}),
    ("Win rate against {against}, by {judge}", "win_rate", "% of prompts", 50, 100, {"against": REFERENCE}),
)
"""Title, metric, unit, rule at, scale, and what is compared."""
WINS = "A win rate says how often, not by how much: read it beside the difference in reward."

Report = Mapping[str, Any]


def html(report: Report) -> str:
    """Return the section; a sentence where nothing was measured."""
    shown = headline(report)
    main = students_table(shown)
    made = table(main)
    if not made:
        return "<p>No evaluation is finished yet.</p>"
    parts = [made, note(f"{about_intervals(report)} {WINS}"), charts(_charts(shown, report))]
    others = [students_table(shown, at) for at in temperatures(shown)]
    parts.append(folded("Other temperatures", "".join(table(one) for one in others if one.title != main.title)))
    if report["over_seeds"] or report["selection"]:
        title = "Every student by itself, each seed and setting"
        parts.append(folded(title, table(students_table(report))))
    every = "".join(table(_all_figures(student)) for student in report["students"])
    return "".join(parts) + folded("Every figure", every)


def _charts(shown: Report, report: Report) -> Iterator[str]:
    """Yield the charts of the main figures, and their course over temperatures where there are more than two."""
    at = headline_temperature(shown)
    place = "greedy" if at == 0 else f"temperature {at:g}" if at is not None else ""
    for pattern, metric, unit, zero, scale, where in CHARTS:
        for judge in _judges(shown, metric):
            of = {**where, "judge": judge}
            title = pattern.format(judge=judge, **where)
            marks = _marks(shown, report, metric, of | {"temperature": at}, scale)
            yield interval_chart(title, marks, f"{unit}, {place}", zero)
            if len(temperatures(shown)) > 2:
                yield line_chart(f"{title}, by temperature", _by_temperature(shown, metric, of), "temperature")


def _judges(report: Report, metric: str) -> list[str]:
    found = [row["judge"] for student in report["students"] for row in student["figures"] if row["metric"] == metric]
    return list(dict.fromkeys(judge for judge in found if judge is not None))


def _marks(shown: Report, report: Report, metric: str, where: Mapping[str, Any], scale: float) -> list[Mark]:
    styled = styles_of(shown)
    picked = {row["picked"] for row in report["selection"]}
    marks = []
    for student in shown["students"]:
        entry = figure(student, metric, **where)
        if entry is None or entry["value"] is None:
            continue
        name = student["label"]
        low, high = (None if entry[end] is None else entry[end] * scale for end in ("low", "high"))
        told = with_interval(entry | {"sd": None}, 2 if scale == 1 else 1, scale)
        seeds = [value * scale for value in entry.get("values", ()) if value is not None]
        marks.append(Mark(name, entry["value"] * scale, low, high, styled[name], told, seeds, name in picked))
    return marks


def _by_temperature(report: Report, metric: str, where: Mapping[str, Any]) -> list[Line]:
    styled, lines = styles_of(report), []
    for student in report["students"]:
        found = [(at, figure(student, metric, temperature=at, **where)) for at in temperatures(report)]
        points = [(at, entry["value"]) for at, entry in found if entry]
        if len(points) > 1:
            lines.append(Line(student["label"], points, styled[student["label"]]))
    return lines


def _all_figures(student: Mapping[str, Any]) -> Table:
    rows = []
    for row in student["figures"]:
        at = NOTHING if row["temperature"] is None else f"{row['temperature']:g}"
        value = with_interval(row, 3)
        stamps = "; ".join(row["warnings"]) or NOTHING
        whom = [row[name] or NOTHING for name in ("unit", "against", "judge", "part")]
        rows.append([row["metric"], value, p_text(row["p"]), *whom, at, f"{row['count']:,}", stamps])
    columns = ["metric", "value", "p", "unit", "against", "judge", "part", "temperature", "count", "stamps"]
    return Table(f"All figures of {student['label']}", columns, rows).filled(2)
