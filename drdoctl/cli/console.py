"""The one place that prints. Data goes to stdout; everything else, errors too, to stderr.

Colour is never the only carrier of a fact. NO_COLOR, TERM=dumb and `--color` are honoured; where a
stream cannot encode a character it is escaped, so that no output can fail for its alphabet.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import IO, Any, Literal

from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from drdoctl.cli._words import cell, harmless
from drdoctl.core.errors import DrdoError, Fault, Where

Color = Literal["auto", "always", "never"]
MOST_FAULTS = 100
"""More faults than this are counted, not shown."""
PLAIN_SECONDS = 30.0
"""Without a terminal, progress is one line this often."""


class Console:
    """What a verb may say, and how. One for each process."""

    def __init__(
        self,
        *,
        as_json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        color: Color = "auto",
    ) -> None:
        """`as_json`: errors are JSON lines and nothing decorates; `quiet`: only data, warnings and errors."""
        self.as_json = as_json
        self.quiet = quiet
        self.verbose = verbose
        self._out = _rich(sys.stdout, color)
        self._err = _rich(sys.stderr, color)

    @property
    def interactive(self) -> bool:
        """Whether a person is there to answer: stdin and stderr are terminals and `CI` is not set."""
        return _tty(sys.stdin) and self.person

    @property
    def person(self) -> bool:
        """Whether a person reads stderr: it is a terminal and `CI` is not set."""
        return _tty(sys.stderr) and not os.environ.get("CI")

    def data(self, value: RenderableType = "") -> None:
        """Print a result to stdout. Text is printed as it is: no markup, no wrapping."""
        if isinstance(value, str | Text):
            self._out.print(harmless(value), markup=False, highlight=False, soft_wrap=True)
        else:
            self._out.print(value)

    def json(self, value: Any) -> None:
        """Print JSON to stdout: indented, keys in the order given, ASCII where the stream is not UTF-8."""
        self.raw(json.dumps(value, indent=2, ensure_ascii=not _utf8(sys.stdout), allow_nan=False))

    def json_line(self, value: Any) -> None:
        """Print one JSON value to stdout as one line, and flush: for event streams."""
        self.raw(json.dumps(value, ensure_ascii=not _utf8(sys.stdout), allow_nan=False))
        sys.stdout.flush()

    def raw(self, text: str) -> None:
        """Print text to stdout byte for byte, with a final newline."""
        sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print aligned columns with a header to stdout; plain tab-separated lines where stdout is no terminal."""
        if not _tty(sys.stdout):
            for row in rows:
                self.raw("\t".join(map(cell, row)))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in columns:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell(text)) for text in row))
        self._out.print(table)

    def info(self, message: str) -> None:
        """Say what is going on (stderr; silent with `-q`)."""
        if not self.quiet and not self.as_json:
            self._say(Text(message))

    def debug(self, message: str) -> None:
        """Say a detail (stderr; only with `-v`)."""
        if self.verbose:
            self._say(Text(message, style="dim"))

    def hint(self, message: str) -> None:
        """Suggest the next step, to a person at a terminal only."""
        if self.person and not self.quiet and not self.as_json:
            self._say(Text.assemble(("hint: ", "cyan"), message))

    def warning(self, message: str) -> None:
        """Say what is allowed but doubtful (stderr; a JSON line with `--json`)."""
        if self.as_json:
            self._json_line({"warning": message})
        else:
            self._say(Text.assemble(("warning: ", "yellow bold"), message))

    def error(self, fault: Fault) -> None:
        """Show one fault: code and sentence, place, source line with a caret, remedy."""
        if self.as_json:
            self._json_line({"error": _fault_json(fault)})
        else:
            self._say(render_fault(fault))

    def errors(self, error: DrdoError) -> None:
        """Show all faults of an error, a blank line between them; for people, those of a kind only once."""
        faults = error.faults[:MOST_FAULTS]
        runs = [[fault] for fault in faults] if self.as_json else _runs(faults)
        for index, (fault, *more) in enumerate(runs):
            if index and not self.as_json:
                self._say(Text(""))
            self.error(fault)
            if more:
                lines = dict.fromkeys(str(one.where.line) for one in more if one.where)
                self._say(Text(f"the same at line{'s' if len(lines) > 1 else ''} {', '.join(lines)}"))
        if len(error.faults) > MOST_FAULTS:
            self.warning(f"{len(error.faults) - MOST_FAULTS:,} more faults are not shown")

    def ask(self, question: str) -> str:
        """Ask on stderr and return the line typed; an ended stdin is an empty answer."""
        self._err.print(Text(question + " "), end="")
        return sys.stdin.readline().strip()

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Give a live line on a terminal, or a plain line every 30 seconds and at milestones.

        `DRDOCTL_NO_PROGRESS`, `-q` and `--json` leave the moving line out.
        """
        silent = self.quiet or self.as_json
        if os.environ.get("DRDOCTL_NO_PROGRESS") or silent or not self.person:
            moving = not (os.environ.get("DRDOCTL_NO_PROGRESS") or silent)
            yield Progress(self, every=PLAIN_SECONDS if moving else None)
            return
        with Live(console=self._err, transient=True, refresh_per_second=4) as live:
            yield Progress(self, live=live)

    def _say(self, text: Text) -> None:
        self._err.print(harmless(text), markup=False, highlight=False, soft_wrap=True)

    def _json_line(self, value: Any) -> None:
        sys.stderr.write(json.dumps(value, ensure_ascii=not _utf8(sys.stderr)) + "\n")


class Progress:
    """What moves while a stage runs."""

    def __init__(self, console: Console, *, live: Live | None = None, every: float | None = None) -> None:
        """`live`: rewrite this line; else print a line every so many seconds (None: never)."""
        self._console = console
        self._live = live
        self._every = every
        self._last = time.monotonic()

    def update(self, line: str) -> None:
        """Show where the work is: the newest line replaces the one before."""
        if self._live is not None:
            self._live.update(Text(line, no_wrap=True, overflow="ellipsis"))
        elif self._every is not None and time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self._console.info(line)

    def milestone(self, line: str) -> None:
        """Say something that stays: a stage began, or ended."""
        self._last = time.monotonic()
        self._console.info(line)


def _runs(faults: Sequence[Fault]) -> list[list[Fault]]:
    """Return the faults, neighbours put together that say the same of rows of one file."""

    def said(at: int) -> tuple[Any, ...]:
        fault, place = faults[at], faults[at].where
        if place is None or place.line is None or place.column is not None:
            return (at,)
        return fault.code, fault.message, fault.hint, place.file

    return [[faults[at] for at in run] for _, run in groupby(range(len(faults)), said)]


def render_fault(fault: Fault) -> Text:
    """Return a fault as shown: `error[code]: sentence`, `--> place`, source line with caret, `hint:`."""
    text = Text.assemble((f"error[{fault.code}]", "red bold"), ": ", fault.message)
    if fault.where is not None:
        text.append(f"\n  --> {fault.where}", "blue")
        text.append(_source_line(fault.where))
    if fault.hint:
        text.append("\nhint: ", "cyan")
        text.append(fault.hint)
    return text


def _source_line(where: Where, width: int = 100) -> str:
    if where.text is None or where.line is None:
        return ""
    start = max(0, (where.column or 1) - 1 - width // 2)
    shown = where.text.expandtabs(1)[start : start + width]
    lines = [f"\n{where.line:>4} | {shown}"]
    if where.column is not None:
        lines.append(f"\n     | {' ' * (where.column - 1 - start)}^")
    return "".join(lines)


def _fault_json(fault: Fault) -> dict[str, Any]:
    where = fault.where
    place = {"file": where.file, "line": where.line, "column": where.column} if where else None
    return {"code": fault.code, "message": fault.message, "where": place, "hint": fault.hint}


def _rich(stream: IO[str], color: Color) -> RichConsole:
    forced = {"auto": None, "always": True, "never": False}[color]
    return RichConsole(
        file=stream,
        force_terminal=True if forced else None,
        no_color=True if forced is False else None,
        soft_wrap=False,
        highlight=False,
        emoji=False,
        markup=False,
    )


def _tty(stream: IO[str] | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _utf8(stream: IO[str]) -> bool:
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "") == "utf8"
