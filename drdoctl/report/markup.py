"""Text to markup: what comes from data is cleaned and escaped here and nowhere else; tables, notes, folded parts."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drdoctl.report.tables import Table

LONG = 24
"""Rows from which a table scrolls inside itself, its heading staying in sight."""
FIRST_CONTROL_PICTURE = 0x2400
_PICTURES = {code: FIRST_CONTROL_PICTURE + code for code in range(32) if chr(code) not in "\n\t"}
_NONCHARACTERS = (*range(0xFDD0, 0xFDF0), *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)))
_UNFIT = dict.fromkeys((*range(0x7F, 0xA0), *range(0xD800, 0xE000), *_NONCHARACTERS), 0xFFFD)
_CLEAN = _PICTURES | _UNFIT
_NUMBER = re.compile(r"([-+]?[\d,]*\.?\d+(?:e[-+]?\d+)?)(?: (± [\d,.]+))?\*?")


def text(value: object) -> str:
    """Return a value as markup that shows just its characters.

    Control characters are shown as their pictures (NUL as ␀), what HTML cannot hold (surrogates, C1 …) as U+FFFD.
    """
    return escape(str(value).translate(_CLEAN))


def label(value: str) -> str:
    """Return a name such as ``drdo,beta=0.1``, of its own direction of writing; it may break at `,` and `=`."""
    return f"<bdi>{text(value).replace(',', ',<wbr>').replace('=', '=<wbr>')}</bdi>"


def prose(sentence: str) -> str:
    """Return a sentence; what stands between backticks is set as code."""
    parts = [text(part) for part in sentence.split("`")]
    if not len(parts) % 2:
        return text(sentence)
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def note(sentence: str) -> str:
    """Return a remark below a table or a chart; "" where nothing is said."""
    return f'<p class="note">{prose(sentence)}</p>' if sentence else ""


def bullets(sentences: Iterable[str]) -> str:
    """Return a list of sentences; "" where there are none."""
    items = "".join(f"<li>{prose(sentence)}</li>" for sentence in sentences)
    return f'<ul class="said">{items}</ul>' if items else ""


def folded(title: str, body: str) -> str:
    """Return a part that a reader may open, by its title; "" where it would be empty."""
    if not body:
        return ""
    return f"<details><summary>{text(title)}</summary><div>{body}</div></details>"


def more(count: int, what: str) -> str:
    """Return the title of what is folded away: `1 more student`, `2 more students`."""
    return f"{count:,} more {what}{'' if count == 1 else 's'}"


def charts(drawn: Iterable[str], kind: str = "charts") -> str:
    """Return charts side by side; "" where there are none."""
    body = "".join(drawn)
    return f'<div class="{kind}">{body}</div>' if body else ""


def table(made: Table, *, kind: str = "") -> str:
    """Return a table with caption and header cells; "" where there are no rows or no columns but the names.

    `kind="text"` sets all cells to the left.
    """
    if not made.rows or len(made.columns) < 2:
        return ""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in made.columns)
    rows = []
    for row in made.rows:
        cells = "".join(f"<td>{number_cell(cell)}</td>" for cell in row[1:])
        rows.append(f'<tr><th scope="row">{label(row[0])}</th>{cells}</tr>')
    attribute = f' class="{kind}"' if kind else ""
    long = " long" if len(rows) > LONG else ""
    # a box that scrolls must be reachable with the keyboard, and needs a name then
    box = f'<div class="scroll{long}" role="region" tabindex="0" aria-label="{text(made.title)}">'
    return (
        f"{box}<table{attribute}><caption><span>{text(made.title)}</span></caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def number_cell(cell: str) -> str:
    """Return a cell's markup: a number's spread and interval stand small below it, its star beside it."""
    value, bracket, rest = cell.partition(" [")
    inside, end, star = rest.partition("]")
    found = _NUMBER.fullmatch(value)
    if found is None or (bracket and (not end or star not in ("", "*"))):
        return text(cell)
    small = [found[2]] if found[2] else []
    small += [f"[{inside}]"] if bracket else []
    if not small:
        return text(cell)
    star = star or ("*" if value.endswith("*") else "")
    return f"{text(found[1] + star)} " + " ".join(f"<small>{text(one)}</small>" for one in small)


def anchor(title: str) -> str:
    """Return a title as the name of a place on the page."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
