"""A heat map: row against column, each cell a number on its colour, so that nothing has to be pointed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drdoctl.report.markup import label, text

STRONGEST = 70
"""Per cent of colour in the outermost cells: more would drown the number."""


@dataclass(frozen=True)
class Heat:
    """One cell."""

    share: float
    """-1 (the column is ahead by all) to 1 (the row is)."""
    told: str
    """The number."""
    more: str = ""
    """A second, smaller line."""
    is_plain: bool = False
    """Whether nothing tells it from even, so that it is drawn without a frame."""


def heat_map(title: str, names: Sequence[str], cells: Mapping[tuple[str, str], Heat], corner: str) -> str:
    """Return a `<figure>` with a table, the row's name against the column's; "" without cells."""
    if not cells:
        return ""
    head = "".join(f'<th scope="col">{label(name)}</th>' for name in names)
    rows = []
    for name in names:
        found = [cells.get((name, other)) for other in names]
        rows.append(f'<tr><th scope="row">{label(name)}</th>{"".join(map(_cell, found))}</tr>')
    return (
        f'<figure class="map"><figcaption>{text(title)}</figcaption>'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(title)}">'
        f'<table class="heat" aria-label="{text(title)}">'
        f'<thead><tr><th scope="col">{text(corner)}</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></figure>"
    )


def _cell(found: Heat | None) -> str:
    if found is None:
        return '<td class="none"></td>'
    side = "ahead" if found.share > 0 else "behind"
    strength = round(min(1.0, abs(found.share)) * STRONGEST)
    state = "" if found.is_plain else " sure"
    more = f"<small>{text(found.more)}</small>" if found.more else ""
    return f'<td class="{side}{state}" style="--heat:{strength}%">{text(found.told)}{more}</td>'
