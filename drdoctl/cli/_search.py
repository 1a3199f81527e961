"""`drdoctl ls zoo`: its options, and how what it finds is shown."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from drdoctl.cli.options import Options
from drdoctl.core.errors import UserError
from drdoctl.core.suggest import did_you_mean

if TYPE_CHECKING:
    from drdoctl.zoo.search import Entry

COLUMNS = ("name", "role", "status", "about", "base", "figure", "license", "tags")
"""As fields between tabs; the first four are those of the first version."""
TABLE = ("name", "figure", "tags", "status", "base", "license")
"""On a terminal that is wide enough."""
GAP, INDENT = 2, "    "


@dataclass(frozen=True)
class Asked:
    """The options of a search, as typed."""

    location: str | None
    role: str | None
    base: str | None
    tag: str | None
    least: tuple[str, ...]

    def refuse(self, options: Options, what: str) -> None:
        """Raise UserError where an option is given that `drdoctl ls WHAT` does not have."""
        given = {"role": self.role, "base": self.base, "tag": self.tag, "min": self.least}
        wrong = [f"`--{name}`" for name, value in given.items() if value]
        if wrong:
            plain = options.again(without=[f"--{name}" for name in given])
            raise UserError(
                f"{', '.join(wrong)} has no effect on `drdoctl ls {what}`",
                code="no-effect",
                hint=f"leave it out: `{plain}`; what it searches is `drdoctl ls zoo`",
            )

    @property
    def minima(self) -> dict[str, float]:
        """Return metric -> least value. Raises UserError for what is not of the form METRIC=VALUE."""
        found = {}
        for text in self.least:
            metric, _, value = text.partition("=")
            try:
                number = float(value)
            except ValueError:
                number = math.nan
            if not metric or not math.isfinite(number):
                hint = "such as `--min accuracy=0.7`"
                raise UserError(f"`--min {text}` is not of the form METRIC=VALUE", code="usage", hint=hint)
            found[metric] = number
        return found


def search_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a search."""
    decorated: Callable[..., Any] = function
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_OPTIONS: list[Any] = [
    click.option("--role", type=click.Choice(["oracle", "student"]), help="In `ls zoo`: only these."),
    click.option("--base", metavar="MODEL", help="In `ls zoo`: whose base model has this in its name."),
    click.option("--tag", metavar="TAG", help="In `ls zoo`: with this tag (v1), label, data set or recipe."),
    click.option(
        "--min",
        "least",
        metavar="METRIC=VALUE",
        multiple=True,
        help="In `ls zoo`: measured at this value or more, against every baseline, by every judge, at every "
        "temperature: the lowest counts, and is shown. Repeatable.",
    ),
]


def zoo_rows(options: Options, asked: Asked) -> list[Entry]:
    """Return what the search finds: in the zoo that is named, or in the catalogue where none is."""
    from drdoctl.zoo.location import locate, named
    from drdoctl.zoo.search import Wanted, search

    location = None if asked.location is None else locate(asked.location)
    if location is None and (place := named()) is not None:
        location = place.location
        options.console.debug(f"{location}, as {place.origin} has it")
    minima = asked.minima
    found = search(Wanted(asked.role, asked.base, asked.tag, minima), location, offline=options.offline)
    if minima and not found:
        known = {one.metric for entry in search(Wanted(), location, offline=options.offline) for one in entry.figures}
        for metric in sorted(set(minima) - known):
            guess = did_you_mean(metric, known) or f"measured are: {', '.join(sorted(known)) or 'none'}"
            options.console.info(f"no card gives `{metric}`; {guess}")
    return found


def show(options: Options, entries: list[Entry], asked: Asked) -> None:
    """Print what was found: JSON, lines with tabs, a table, or a few lines each where a table would break names."""
    rows = [_row(entry) for entry in entries]
    if options.json:
        options.console.json({"format": 1, "zoo": [_plain(entry) for entry in entries]})
        return
    if not rows:
        options.console.info("none")
    elif not sys.stdout.isatty():
        options.console.table(COLUMNS, [[row[name] for name in COLUMNS] for row in rows])
    elif _width(rows) <= (width := shutil.get_terminal_size().columns):
        options.console.table(TABLE, [[row[name] for name in TABLE] for row in rows])
    else:
        for row in rows:
            options.console.data(_lines(row, width))
    if rows:
        where = ["--zoo", asked.location] if asked.location else []
        options.console.hint(f"`{options.line('show', rows[0]['name'], *where)}` says more")


def _row(entry: Entry) -> dict[str, str]:
    revision = entry.revision[:12] if entry.revision else ""
    return {
        "name": f"zoo/{entry.name}",
        "role": entry.role,
        "status": entry.status,
        "about": entry.about,
        "base": entry.base,
        "figure": str(entry.figure or ""),
        "license": entry.license,
        "tags": " ".join(entry.versions) or revision,
    }


def _plain(entry: Entry) -> dict[str, Any]:
    figure = entry.figure
    return {
        **_row(entry),
        "figure": None if figure is None else asdict(figure),
        "tags": list(entry.versions),
        "revision": entry.revision,
        "labels": list(entry.labels),
        "figures": [asdict(one) for one in entry.figures],
    }


def _width(rows: list[dict[str, str]]) -> int:
    return sum(max(len(name), *(len(row[name]) for row in rows)) + GAP for name in TABLE)


def _lines(row: Mapping[str, str], width: int) -> str:
    """Return an entry in lines of at most `width` characters, if its longest fact is no longer than that.

    The name with what it is worth, then, indented, what it was made from.
    """
    base = f"from {row['base']}" if row["base"] else ""
    lines = _joined(f"{row['name']}  ", (row["status"], row["tags"], row["figure"]), width)
    return "\n".join([*lines, *_joined(INDENT, (base, row["license"]), width)]).rstrip()


def _joined(start: str, facts: Sequence[str], width: int) -> list[str]:
    lines = [start]
    for fact in filter(None, facts):
        between = "" if lines[-1].endswith(" ") else " · "
        if len(lines[-1] + between + fact) > width:
            lines.append(INDENT + fact)
        else:
            lines[-1] += between + fact
    return lines
