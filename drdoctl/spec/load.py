"""A spec file and its `--set` values -> a validated spec, or every fault at once, each with its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drdoctl.core.commands import quoted
from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.spec.axes import matrix_faults
from drdoctl.spec.faults import faults_of
from drdoctl.spec.marks import Key, Marks
from drdoctl.spec.model import Spec
from drdoctl.spec.overrides import apply_sets, idle_sets, path_of
from drdoctl.spec.rules import check
from drdoctl.spec.source import read

API_KEY = re.compile(r"\bsk-(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{20,}")
"""A key of OpenAI's, or of those who call theirs alike; a long file name in small letters is none."""
SECRET = re.compile(rf"\bhf_[A-Za-z0-9]{{20,}}|://[^/\s:@]+:[^/\s@]+@|{API_KEY.pattern}")
"""A Hub token, a password inside a URL, or a key."""


@dataclass(frozen=True)
class Loaded:
    """A valid spec, and where each of its values came from."""

    spec: Spec
    raw: dict[str, Any]
    """Plain data as written, `--set` values included; paths are relative to `base`."""
    marks: Marks
    warnings: tuple[str, ...]
    """What is allowed but doubtful."""
    path: Path
    sets: tuple[str, ...]
    text: str
    """The file's text."""
    placed: Mapping[Key, str]
    """Path -> KEY of the `--set` that put it there."""

    @property
    def base(self) -> Path:
        """Return the folder that the spec's relative paths start from: the spec file's own."""
        return self.path.resolve().parent

    def where(self, path: Key, key: bool = False) -> Where:
        """Return where the value at a path (or its key) is written, or the nearest thing around it."""
        return _where(path, key, self.marks, self.placed)

    def origin(self, key: str) -> str:
        """Return where a dotted key's value came from: `FILE:LINE`, `--set KEY`, or `default`."""
        return self.origin_of(path_of(key, self.raw))

    def origin_of(self, path: Key) -> str:
        """Return the same for a path; what a short form (`split: hard`) stands for came from its line."""
        written = _written(self.raw, path)
        if written is None:
            return "default"
        setter = _setter(written, self.placed)
        return f"--set {setter}" if setter is not None else f"{self.marks.file}:{self.where(written).line}"


Further = Callable[[Loaded], list[Fault]]


def no_more(loaded: Loaded) -> list[Fault]:  # noqa: ARG001  # has the shape of a `Further`
    """Find no further faults."""
    return []


def load(path: Path, sets: Sequence[str] = (), also: Further = no_more) -> Loaded:
    """Read, override and validate a spec. Raises UserError with all faults, in the order of the file.

    `also` finds more faults in a spec whose keys and values are of the right kinds, whatever else is wrong with it.
    """
    data, marks, text = read(path)
    return load_data(data, marks, text, path, sets, also)


def load_data(
    data: Any, marks: Marks, text: str, path: Path, sets: Sequence[str] = (), also: Further = no_more
) -> Loaded:
    """Validate what `source.read` or `source.parse` gave. `path` need not exist: it names the file and its folder."""
    if data is None:
        hint = f"`drdoctl init {quoted(path)} --force` starts one from a recipe"
        raise UserError(f"`{marks.file}` is empty", code="empty", where=Where(marks.file), hint=hint)
    if not isinstance(data, dict):
        hint = "a spec begins with `version: 1`"
        raise UserError("a spec is a mapping of keys and values", code="wrong-type", where=marks.where(()), hint=hint)
    if "kind" in data and "plan" in data:
        hint = f"`drdoctl apply {quoted(path)}` carries it out; `drdoctl plan SPEC` makes a new one"
        raise UserError(f"`{marks.file}` is a saved plan, not a spec", code="wrong-file", hint=hint)
    placed = apply_sets(data, sets, path.resolve().parent)

    def look(at: Key, key: bool) -> Where:
        return _where(at, key, marks, placed)

    faults = list(_secrets(data, (), look))
    secret = {fault.where for fault in faults}
    try:
        spec = Spec.model_validate(data)
    except ValidationError as error:
        # what else is wrong with a secret is no matter, and would show it
        faults += [fault for fault in faults_of(error, data, look) if _bare(fault.where) not in secret]
        spec = None
    faults += [*matrix_faults(data, look), *idle_sets(data, placed)]
    if faults or spec is None:
        raise UserError(_covered(in_order(faults)))
    faults, warnings = check(spec, data, look, path.resolve().parent)
    loaded = Loaded(spec, data, marks, warnings, path, tuple(sets), text, placed)
    faults += also(loaded)
    if faults:
        raise UserError(_covered(in_order(faults)))
    return loaded


def in_order(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults without repetitions: those of the file by line, then those of `--set`."""
    unique = list(dict.fromkeys(faults))
    far = (1 << 60, 0)

    def place(fault: Fault) -> tuple[int, int]:
        where = fault.where
        return far if where is None or where.line is None else (where.line, where.column or 0)

    return sorted(unique, key=place)


def _covered(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults without the text of any line that one of them does not show: it may hold a key."""
    hidden = {_bare(fault.where) for fault in faults if fault.where is not None and fault.where.text is None}
    lines = {(where.file, where.line) for where in hidden if where is not None and where.line is not None}
    return [
        replace(fault, where=_bare(where))
        if (where := fault.where) is not None and (where.file, where.line) in lines
        else fault
        for fault in faults
    ]


def _bare(where: Where | None) -> Where | None:
    return None if where is None else replace(where, text=None)


def _setter(path: Key, placed: Mapping[Key, str]) -> str | None:
    return next((text for key, text in placed.items() if path[: len(key)] == key), None)


def _where(path: Key, key: bool, marks: Marks, placed: Mapping[Key, str]) -> Where:
    setter = _setter(path, placed)
    if setter is None and path and not marks.has(path):  # what the file does not have came with something inside it
        setter = next((text for at, text in placed.items() if at[: len(path)] == path), None)
    return Where(f"--set {setter}") if setter is not None else marks.where(path, key=key)


def _secrets(value: Any, path: Key, look: Any) -> list[Fault]:
    """Return a fault for each token in the spec: it would travel into plans, cards and logs. The line is not shown."""
    if isinstance(value, dict):
        return [fault for key, item in value.items() for fault in _secrets(item, (*path, key), look)]
    if isinstance(value, list):
        return [fault for index, item in enumerate(value) for fault in _secrets(item, (*path, index), look)]
    if not isinstance(value, str) or not SECRET.search(value):
        return []
    place: Where = look(path, False)
    shown = ".".join(str(part) for part in path)
    hint = "take it out, make a new one, and give it as HF_TOKEN in the environment"
    if path[:1] == ("resources",) or API_KEY.search(value):
        hint = "take it out, make a new one, put it into a variable of the environment and give that one's name"
    where = Where(place.file, place.line, place.column)
    return [Fault("secret", f"`{shown}` holds a token or a password", where, hint)]


def _written(raw: Any, path: Key) -> Key | None:
    """Return where a path's value is written, through short forms (`split: hard`); None where it is not."""
    current: Any = raw
    done: Key = ()
    part: Any
    for index, part in enumerate(path):
        inside = part in current if isinstance(current, dict) else isinstance(current, list) and isinstance(part, int)
        if inside and (isinstance(current, dict) or part < len(current)):
            current, done = current[part], (*done, part)
        elif isinstance(current, str) and part == "name" and index == len(path) - 1:
            return done
        elif not isinstance(part, int) or isinstance(current, list):
            return None
    return done
