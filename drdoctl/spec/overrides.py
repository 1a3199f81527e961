"""`--set KEY=VALUE`: a value parsed as our YAML, put at a dotted key of the spec before it is validated."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.core.files import kind_at
from drdoctl.spec.marks import Key
from drdoctl.spec.source import MAX_DEPTH, parse

EITHER = {"max_steps": "epochs", "epochs": "max_steps", "warmup_steps": "warmup_ratio", "warmup_ratio": "warmup_steps"}
"""Setting one of these on the command line takes the place of the other in the file: the two exclude each other."""
ANY = "*"
PATHS = (
    ("data", "source", "jsonl"),
    ("data", "source", "parquet"),
    ("data", "source", "eval"),
    ("data", "source", "path"),
    ("data", "source", "eval_path"),
    ("student", "model"),
    ("student", "tokenizer"),
    ("oracle", "model"),
    ("judges", ANY, "model"),
    ("evaluate", ANY, "instructions"),
    ("evaluate", ANY, "pairs"),
    ("evaluate", ANY, "prompt"),
    ("zoo",),
)
"""Keys whose values may be paths: on the command line these are relative to the current folder."""


def apply_sets(raw: dict[str, Any], sets: Sequence[str], base: Path) -> dict[Key, str]:
    """Put every `KEY=VALUE` into `raw` and return path -> the text after `--set` that put it there.

    Paths that exist from the current folder are rewritten to be relative to `base`, as the spec's own are.
    Raises UserError with all faults.
    """
    faults: list[Fault] = []
    placed: dict[Key, str] = {}
    for text in sets:
        try:
            path, value = split_set(text, raw)
            put(raw, path, _rebased(path, value, base))
        except UserError as error:
            faults.extend(error.faults)
        else:
            placed[path] = text.partition("=")[0].strip()
    if faults:
        raise UserError(faults)
    return placed


def idle_sets(raw: dict[str, Any], placed: dict[Key, str]) -> list[Fault]:
    """Return a fault for each `--set` of what the matrix gives every combination itself: it would do nothing.

    A key set to null is left out of the spec, so that an axis may take its place, and is none.
    """
    matrix = raw.get("matrix")
    axes = {path_of(str(axis), raw): axis for axis in matrix} if isinstance(matrix, dict) else {}
    return [
        Fault(
            "no-effect",
            f"`{text}` has no effect: every combination takes it from `matrix.{axis}`",
            Where(f"--set {text}"),
            f"set `matrix.{axis}` to a list of one value, or of several",
        )
        for path, text in placed.items()
        for inside, axis in axes.items()
        if path[: len(inside)] == inside and not _nothing_at(raw, path)
    ]


def _nothing_at(raw: Any, path: Key) -> bool:
    try:
        for part in path:
            raw = raw[part]
    except (LookupError, TypeError):
        return True
    return raw is None


def split_set(text: str, raw: dict[str, Any]) -> tuple[Key, Any]:
    """Return (path, value) of one `KEY=VALUE`. Raises UserError."""
    key, equals, written = text.partition("=")
    key = key.strip()
    if not equals or not key or "" in key.split(".") or key.count(".") > MAX_DEPTH:
        raise UserError(
            f"`--set {text}` is not of the form KEY=VALUE",
            code="usage",
            where=Where(f"--set {text}"),
            hint="write, for instance, `--set method.alpha=0.2`",
        )
    try:
        value, _ = parse(written, f"--set {key}")
    except UserError as error:
        faults = [Fault(fault.code, fault.message, Where(f"--set {key}"), fault.hint) for fault in error.faults]
        raise UserError(faults) from error
    return path_of(key, raw), value


def path_of(key: str, raw: Any) -> Key:
    """Return a dotted key as a path: numbers are indices where a list is; a matrix's keys have dots of their own."""
    parts: list[str] = key.split(".")
    if parts[0] == "matrix" and len(parts) > 1:
        matrix = raw.get("matrix") if isinstance(raw, dict) else None
        axes = matrix if isinstance(matrix, dict) else {}
        rest = key.partition(".")[2]
        axis = max((name for name in axes if rest == name or rest.startswith(name + ".")), key=len, default=rest)
        tail = rest[len(axis) + 1 :]
        return ("matrix", axis, *map(_step, tail.split(".") if tail else ()))
    return tuple(map(_step, parts))


def _step(part: str) -> str | int:
    """Return an index for digits; no list is as long as ten of them say."""
    return int(part) if part.isascii() and part.isdigit() and len(part) < 10 else part


def put(raw: dict[str, Any], path: Key, value: Any) -> None:
    """Set the value at a path of plain data, in place. A bare name on the way becomes `{name: NAME}`."""
    _look_for_method(raw, path)
    current: Any = raw
    part: Any
    for depth, part in enumerate(path):
        here = path[: depth + 1]
        last = depth + 1 == len(path)
        if isinstance(current, list):
            if not isinstance(part, int) or part >= len(current):
                raise _no_place(here, f"there is a list of {len(current)} there, counted from 0")
        elif not isinstance(current, dict):
            raise _no_place(here, "what is there has no fields")
        elif isinstance(part, int):
            raise _no_place(here, "there is no list there")
        if last:
            current[part] = value
            _drop_other(current, part)
            return
        current = _descend(current, part, path[depth + 1])


def _look_for_method(raw: dict[str, Any], path: Key) -> None:
    """Refuse `method.KEY` where the methods are in the matrix: which of them is meant is not said."""
    matrix = raw.get("matrix")
    inside = isinstance(matrix, dict) and "method" in matrix
    if inside and len(path) > 1 and path[0] == "method" and raw.get("method") is None:
        dotted = ".".join(str(part) for part in path)
        raise UserError(
            f"`{dotted}` cannot be set: the methods are in `matrix.method`",
            code="unknown-field",
            where=Where(f"--set {dotted}"),
            hint=f"say which one, counted from 0: `--set matrix.method.0.{dotted.partition('.')[2]}=…`",
        )


def _descend(current: Any, part: Any, then: str | int) -> Any:
    inside = current[part] if isinstance(current, list) else current.get(part)
    if inside is None:
        inside = current[part] = {}
    elif isinstance(inside, str | dict) and isinstance(then, int) and part in ("split", "evaluate"):
        inside = current[part] = [inside]
    elif isinstance(inside, str):
        inside = current[part] = {"name": inside}
    return inside


def _drop_other(current: Any, part: str | int) -> None:
    if isinstance(current, dict) and isinstance(part, str) and part in EITHER:
        current.pop(EITHER[part], None)


def _no_place(path: Key, reason: str) -> UserError:
    dotted = ".".join(str(part) for part in path)
    return UserError(f"`{dotted}` cannot be set: {reason}", code="unknown-field", where=Where(f"--set {dotted}"))


def may_be_path(path: Key) -> bool:
    """Whether the value at a path of the spec may name a file or a folder."""
    alike = (known for known in PATHS if len(known) == len(path))
    return any(all(word in (ANY, part) for word, part in zip(known, path, strict=True)) for known in alike)


def _rebased(path: Key, value: Any, base: Path) -> Any:
    """Return the value with paths that exist from here turned into paths from `base`."""
    if isinstance(value, dict):
        return {key: _rebased((*path, key), item, base) for key, item in value.items()}
    if isinstance(value, list):
        return [_rebased((*path, index), item, base) for index, item in enumerate(value)]
    if not isinstance(value, str) or not may_be_path(path) or value.startswith("~") or Path(value).is_absolute():
        return value
    here = Path.cwd().resolve()
    if here == base or kind_at(here / value) is None:
        return value
    return os.path.relpath(here / value, base)
