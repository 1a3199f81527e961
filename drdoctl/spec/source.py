"""YAML text -> plain data and marks: where each key and each value stands.

PyYAML's events, with the scalars of YAML 1.2 (`scalars.py`).
What has no place in a settings file is an error with its line and column: a key twice, tags such as
`!!python/name`, numbers that are not finite, aliases that grow without bound, nesting beyond reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from drdoctl.core.commands import quoted
from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.spec.marks import Key, Marks
from drdoctl.spec.scalars import scalar, short

MAX_BYTES = 1_000_000
MAX_DEPTH = 100
MAX_NODES = 20_000
Parser: Any = getattr(yaml, "CLoader", yaml.Loader)

_TAGS = {f"tag:yaml.org,2002:{name}": name for name in ("str", "map", "seq")}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(path: Path) -> tuple[Any, Marks, str]:
    """Return (data, marks, text) of a YAML file. Raises UserError with every fault that reading can tell."""
    shown = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = "it is a folder" if isinstance(error, IsADirectoryError) else (error.strerror or str(error)).lower()
        raise UserError(f"cannot read `{shown}`: {reason}", code="no-file", hint=_file_hint(path)) from error
    except ValueError as error:
        raise UserError(f"`{shown!r}` is no file name", code="no-file") from error
    if len(raw) > MAX_BYTES:
        raise UserError(
            f"`{shown}` is larger than {MAX_BYTES // 1_000_000} MB, which no spec is",
            code="too-large",
            hint="give the path of a spec (YAML); data files go into `data.source`",
        )
    try:
        text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        raise UserError(
            f"`{shown}` is not UTF-8 text",
            code="encoding",
            where=Where(shown, line, column),
            hint=f"save it as UTF-8, for instance with `iconv -f WINDOWS-1252 -t UTF-8 {shown}`",
        ) from error
    data, marks = parse(text, shown)
    return data, marks, text


def parse(text: str, file: str) -> tuple[Any, Marks]:
    """Return (data, marks) of one YAML document. `file` is the name that messages show. Raises UserError."""
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start())
        place = Where(file, line + 1, found.start() - (text.rfind("\n", 0, found.start()) + 1) + 1)
        fault = Fault("wrong-character", f"the character U+{ord(found[0]):04X} has no place in YAML", place)
        raise UserError([fault])
    reader = _Reader(file, text)
    try:
        data = reader.document()
    except yaml.YAMLError as error:
        raise UserError([_syntax_fault(error, reader.marks)]) from error
    if reader.faults:
        raise UserError(reader.faults)
    return data, reader.marks


class _Reader:
    """Builds one document from events, without recursion into what an attacker can make deep or wide."""

    def __init__(self, file: str, text: str) -> None:
        self.marks = Marks(file, text.splitlines())
        self.faults: list[Fault] = []
        self._events: Iterator[Any] = yaml.parse(text, Loader=Parser)
        self._anchors: dict[str, Any] = {}
        self._open: set[str] = set()
        self._nodes = 0

    def document(self) -> Any:
        next(self._events)
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        data = self._node(next(self._events), (), 0)
        next(self._events)
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            self._fault("several-documents", "there is a second document in this file", event, "one spec a file")
        return data

    def _node(self, event: Any, path: Key, depth: int) -> Any:
        self.marks.values[path] = _start(event)
        self._count(event, 1)
        if depth > MAX_DEPTH:
            raise UserError([self._make("too-deep", f"nested deeper than {MAX_DEPTH} levels", event, None)])
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        anchor = event.anchor
        if anchor:
            self._open.add(anchor)
        before = self._nodes
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._tag(event, "seq")
            value = self._sequence(path, depth)
        else:
            self._tag(event, "map")
            value = self._mapping(path, depth)
        if anchor:
            self._open.discard(anchor)
            self._anchors[anchor] = (value, self._nodes - before + 1)
        return value

    def _sequence(self, path: Key, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items)), depth + 1))
        return items

    def _mapping(self, path: Key, depth: int) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, (*path, "\0key"), depth + 1)
            here = (*path, key) if isinstance(key, str) else (*path, "\0key")
            if not isinstance(key, str):
                self._fault("wrong-key", "a key must be a word", event, "put it in quotes, if it is meant as a word")
            elif key in items:
                first = self.marks.keys[here][0] + 1
                self._fault(
                    "duplicate-key", f"`{key}` is given twice, first in line {first}", event, "keep one of them"
                )
            else:
                self.marks.keys[here] = _start(event)
            value = self._node(next(self._events), here, depth + 1)
            if isinstance(key, str):
                items.setdefault(key, value)
        return items

    def _alias(self, event: Any) -> Any:
        if event.anchor in self._open:
            raise UserError([self._make("alias", f"`*{event.anchor}` stands inside what it names", event, None)])
        if event.anchor not in self._anchors:
            raise UserError([self._make("alias", f"there is no anchor `&{event.anchor}` before this", event, None)])
        value, nodes = self._anchors[event.anchor]
        self._count(event, nodes)
        return value

    def _scalar(self, event: Any) -> Any:
        self._tag(event, "str")
        text = event.value
        if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
            self._fault("wrong-character", "a character here is none that text can hold", event, None)
            return ""
        if not event.implicit[0]:
            return text
        try:
            return scalar(text)
        except ValueError as error:
            self._fault(
                "wrong-number", str(error), event, "give a number that a computer holds, or put a word into quotes"
            )
            return 0

    def _tag(self, event: Any, expected: str) -> None:
        if event.tag not in (None, "!") and _TAGS.get(event.tag) != expected:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._fault("tag", f"the tag `{short(shown)}` has no place in a spec", event, "write the plain value")

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            message = f"more than {MAX_NODES:,} values, aliases followed"
            raise UserError([self._make("too-large", message, event, None)])

    def _make(self, code: str, message: str, event: Any, hint: str | None) -> Fault:
        return Fault(code, message, self.marks.place(*_start(event)), hint)

    def _fault(self, code: str, message: str, event: Any, hint: str | None) -> None:
        self.faults.append(self._make(code, message, event, hint))


def _start(event: Any) -> tuple[int, int]:
    return event.start_mark.line, event.start_mark.column


def _syntax_fault(error: yaml.YAMLError, marks: Marks) -> Fault:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    context = getattr(error, "context", None)
    message = f"not valid YAML: {problem}" + (f" ({context})" if context else "")
    where = marks.place(mark.line, mark.column) if mark is not None else Where(marks.file)
    hint = "indent with spaces, not with tabs" if "\t" in (where.text or "") else None
    return Fault("syntax", " ".join(message.split()), where, hint)


def _file_hint(path: Path) -> str:
    if path.is_dir():
        return f"give a file, such as `{path}/spec.yaml`"
    return f"`drdoctl init {quoted(path)}` starts one from a recipe"
