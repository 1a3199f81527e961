"""Every student against every other, on the same prompts: how often the row is ahead, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drdoctl.core.significance import SURE
from drdoctl.report.charts.heat import Heat, heat_map
from drdoctl.report.headline import headline
from drdoctl.report.markup import folded, note, table
from drdoctl.report.tables import differences_table, headline_temperature, number

TITLE = "Head to head"
PLACE = 20
MOST = 12
"""Students in a map that is in sight; larger ones are folded away."""

Row = Mapping[str, Any]


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" with fewer than two students."""
    shown = headline(report)
    at = headline_temperature(shown)
    rows = [row for row in shown["differences"] if row["temperature"] == at]
    maps = [_map(rows, judge) for judge in dict.fromkeys(row["judge"] for row in rows)]
    if not maps:
        return ""
    seeds = any("seeds" in row for row in rows)
    over = "of the paired t-test over seeds" if seeds else "adjusted for all pairs (Holm)"
    said = (
        "Below each win rate stands the mean difference in reward. Ties count half. Framed: the difference in reward "
        f"has a p-value below {SURE}, {over}. A student may win more often and yet earn less."
    )
    more = table(differences_table(shown))
    more += folded("The same for each seed", table(differences_table(report))) if seeds else ""
    named = "As a table: intervals, p-values" + ("" if seeds else ", responses of like length")
    return f'<div class="beside">{"".join(maps)}</div>{note(said)}' + folded(named, more)


def _map(rows: Sequence[Row], judge: str) -> str:
    found = [row for row in rows if row["judge"] == judge]
    names = list(dict.fromkeys(name for row in found for name in (row["first"], row["second"])))
    stamps = list(dict.fromkeys(text for row in found for text in row["warnings"]))
    stamped = f" ({'; '.join(stamps)})" if stamps else ""
    by = "the true reward" if judge == "truth" else judge
    title = f"How often the row is ahead of the column, %, by {by}{stamped}"
    made = heat_map(title, names, _cells(found), "wins, %")
    return made if len(names) <= MOST else folded(title, made)


def _cells(rows: Sequence[Row]) -> dict[tuple[str, str], Heat]:
    cells = {}
    for row in rows:
        first, second, share = row["first"], row["second"], row["win_rate"]
        p = row.get("p_holm", row["p"])
        for names, sign, wins in (((first, second), 1, share), ((second, first), -1, 1 - share)):
            gap = number(sign * row["mean"])
            gap = gap if gap.startswith("-") else f"+{gap}"
            cells[names] = Heat(2 * wins - 1, number(wins * 100, 1), gap, is_plain=p is None or p >= SURE)
    return cells
