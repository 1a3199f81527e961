"""Length against reward: who writes more, and whether that is what is rewarded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drdoctl.report.charts.dots import Axes, Cloud, dot_chart
from drdoctl.report.charts.frame import WIDE_NAMED
from drdoctl.report.headline import headline, of_first_seed
from drdoctl.report.markup import charts, note, table
from drdoctl.report.palette import Style, styles_of
from drdoctl.report.tables import Table, number, with_interval

TITLE = "Length"
PLACE = 50


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" where no response has a score."""
    report = headline(report)
    rows = report["lengths"]
    if not rows:
        return ""
    styled = styles_of(report, [row["student"] for row in rows])
    drawn = []
    for judge in dict.fromkeys(row["judge"] for row in rows):
        found, name = [row for row in rows if row["judge"] == judge], _judge(judge)
        axes = Axes("mean tokens of a response", name)
        drawn.append(
            dot_chart(f"Mean length and {name}", [_mean(row, styled) for row in found], axes, sheet=WIDE_NAMED)
        )
        axes = Axes("tokens of a response", name)
        drawn.append(
            dot_chart(f"{name.capitalize()} by length", [_course(row, styled) for row in found], axes, sheet=WIDE_NAMED)
        )
    said = (
        "First each student's means with their 95 % intervals over prompts; then each student's own responses in five "
        "groups from shortest to longest: a rising line is a reward that grows with length."
    )
    return charts(drawn, "charts wide") + note(said + of_first_seed(report)) + _numbers(rows)


def _judge(judge: str) -> str:
    return "true reward" if judge == "truth" else f"reward by {judge}"


def _mean(row: Mapping[str, Any], styled: Mapping[str, Style]) -> Cloud:
    across, up = (_ends(row, *keys) for keys in (("tokens_low", "tokens_high"), ("low", "high")))
    return Cloud(row["student"], [(row["tokens"], row["reward"])], styled[row["student"]], True, [across], [up])


def _ends(row: Mapping[str, Any], low: str, high: str) -> tuple[float, float] | None:
    return None if row[low] is None or row[high] is None else (row[low], row[high])


def _course(row: Mapping[str, Any], styled: Mapping[str, Style]) -> Cloud:
    points = [(part["tokens"], part["reward"]) for part in row["bins"]]
    return Cloud(row["student"], points, styled[row["student"]], True, is_joined=True)


def _numbers(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [
        [
            row["student"],
            row["judge"],
            with_interval({"value": row["tokens"], "low": row["tokens_low"], "high": row["tokens_high"]}, 1),
            with_interval({"value": row["reward"], "low": row["low"], "high": row["high"]}),
            number(row["correlation"]),
            f"{row['count']:,}",
        ]
        for row in rows
    ]
    columns = ["student", "judge", "tokens", "reward", "r of tokens and reward", "responses"]
    return table(Table("Length and reward", columns, cells))
