"""Rewards against rewards: what a student took over from its oracle, and what the oracle knows of the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drdoctl.report.charts.dots import Axes, Cloud, dot_chart
from drdoctl.report.charts.frame import spread
from drdoctl.report.headline import headline, of_first_seed
from drdoctl.report.markup import charts, folded, more, note, table
from drdoctl.report.palette import styles_of
from drdoctl.report.tables import Table, number

TITLE = "Rewards"
PLACE = 40
MOST = 6
"""Students drawn in sight; the others are folded away."""
TITLES = {
    "pairs": "Held-out pairs: the student's margin against the oracle's",
    "responses": "Sampled responses: {y} against the oracle's reward",
}
NAMES = {
    "implicit": "the student's implicit margin, nats",
    "logp": "the student's log-probability margin, nats",
    "truth": "true reward",
}
NOTES = {
    "pairs": (
        "Margins are chosen less rejected; the implicit one is log-probabilities less the reference's. A student that "
        "took over the oracle's rewards lies along a rising line, whose slope is 1/beta."
    ),
    "responses": "Where the cloud is flat or falls, more of the oracle's reward buys nothing.",
}


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" where no oracle scored anything."""
    report, parts = headline(report), []
    for kind, y in dict.fromkeys((row["kind"], row["y"]) for row in report["clouds"]):
        rows = [row for row in report["clouds"] if (row["kind"], row["y"]) == (kind, y)]
        name = NAMES.get(y, f"reward by {y}")
        title = TITLES[kind].format(y=name)
        drawn = _drawn(rows, name, report)
        parts.append(f"<h3>{title}</h3>" + charts(drawn[:MOST]) + _numbers(rows, title))
        parts.append(folded(more(len(drawn) - MOST, "student"), charts(drawn[MOST:])))
        parts.append(note(f"{NOTES[kind]} {_sampled(rows)}".strip() + of_first_seed(report)))
    return "".join(parts)


def _drawn(rows: Sequence[Mapping[str, Any]], name: str, report: Mapping[str, Any]) -> list[str]:
    styled = styles_of(report)
    across = spread([x for row in rows for x, _ in row["points"]])
    up = spread([y for row in rows for _, y in row["points"]])
    margin = "the oracle's margin" if rows[0]["kind"] == "pairs" else "the oracle's reward"
    axes = Axes(margin, name, across, up, zeros=rows[0]["kind"] == "pairs")
    return [
        dot_chart(
            row["student"],
            [Cloud(row["student"], row["points"], styled[row["student"]])],
            axes,
            f"{name} against {margin}, {len(row['points'])} points" + _r(row),
        )
        for row in rows
    ]


def _r(row: Mapping[str, Any]) -> str:
    return "" if row["correlation"] is None else f", r = {number(row['correlation'])}"


def _numbers(rows: Sequence[Mapping[str, Any]], title: str) -> str:
    signs = any(row["agreement"] is not None for row in rows)
    cells = [
        [
            row["student"],
            number(row["correlation"]),
            *([number(None if row["agreement"] is None else row["agreement"] * 100, 1)] if signs else []),
            f"{row['count']:,}",
        ]
        for row in rows
    ]
    columns = ["student", "correlation r", *(["same sign, %"] if signs else []), rows[0]["kind"]]
    return table(Table(title, columns, cells))


def _sampled(rows: Sequence[Mapping[str, Any]]) -> str:
    shown = max(len(row["points"]) for row in rows)
    if all(len(row["points"]) == row["count"] for row in rows):
        return ""
    return f"Drawn are {shown} of {max(row['count'] for row in rows):,}, picked at random; the numbers are of all."
