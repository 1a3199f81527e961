"""Every student against every other, on the same prompts: how often the row is ahead, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.report.charts.heat import Heat, heat_map
from drdoctl.report.markup import folded, note, table
from drdoctl.report.tables import differences_table, headline_temperature, number

TITLE = "Head to head"
PLACE = 20


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" with fewer than two students."""
    at = headline_temperature(report)
    rows = [row for row in report["differences"] if row["temperature"] == at]
    maps = []
    for judge in dict.fromkeys(row["judge"] for row in rows):
        found = [row for row in rows if row["judge"] == judge]
        names = list(dict.fromkeys(name for row in found for name in (row["first"], row["second"])))
        title = f"How often the row is ahead of the column, %, by {'the true reward' if judge == 'truth' else judge}"
        maps.append(heat_map(title, names, _cells(found), "wins, %"))
    if not maps:
        return ""
    said = note(
        "Below each win rate stands the mean difference in reward. Ties count half. A framed cell is one whose "
        "difference in reward has an interval on one side of 0."
    )
    numbers = table(differences_table(report))
    return f'<div class="beside">{"".join(maps)}</div>{said}' + folded("As a table, with intervals", numbers)


def _cells(rows: list[Mapping[str, Any]]) -> dict[tuple[str, str], Heat]:
    cells = {}
    for row in rows:
        first, second, share = row["first"], row["second"], row["win_rate"]
        unsure = row["low"] is None or row["low"] <= 0 <= row["high"]
        for names, sign, wins in (((first, second), 1, share), ((second, first), -1, 1 - share)):
            more = number(sign * row["mean"])
            cells[names] = Heat(
                2 * wins - 1, number(wins * 100, 1), more if more.startswith("-") else f"+{more}", unsure
            )
    return cells
