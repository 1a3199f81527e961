"""The rows that `drdoctl score` reads: pairs (`prompt`, `chosen`, `rejected`) or responses (`prompt`, `response`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.data import Turns
from drdoctl.data._files import Record, records
from drdoctl.data._records import Bad, joined, mapping, number, response

SHOWN = 20
"""Bad rows that are named before giving up."""
PAIR = ("chosen", "rejected")
SINGLE = ("response",)
COLUMNS = "rows hold `prompt`, `chosen` and `rejected`, or `prompt` and `response`"


@dataclass(frozen=True)
class Row:
    """One row of the file: what it held, and what is to be scored."""

    plain: dict[str, Any]
    columns: tuple[str, ...]
    prompt: Turns
    responses: tuple[str, ...]
    where: str


def read_row(record: Record) -> Row:
    """Return a pair (`chosen`, `rejected`) or a response. Raises `Bad`."""
    if isinstance(record.data, Bad):
        raise record.data
    plain = dict(mapping(record.data))
    _check_finite(plain)
    columns = PAIR if any(plain.get(name) is not None for name in PAIR) else SINGLE
    for name in columns:
        if plain.get(name) is None:
            raise Bad("missing-column", f"there is no `{name}`", COLUMNS)
    parts = [response(plain[name], name) for name in columns]
    heads = [head for head, _ in parts if head is not None]
    if any(head != heads[0] for head in heads):
        raise Bad("turns-differ", "`chosen` and `rejected` differ before their last turn")
    prompt = joined(plain.get("prompt"), heads[0] if heads else None)
    return Row(plain, columns, prompt, tuple(text for _, text in parts), record.where)


def _check_finite(row: dict[str, Any]) -> None:
    """Refuse NaN and infinities wherever they are: the scored row is written as JSON, which has none."""
    waiting = list(row.items())
    while waiting:  # a row may be nested more deeply than calls
        name, value = waiting.pop()
        if isinstance(value, float):
            number(value, name)
        elif isinstance(value, dict | list):
            waiting += [(name, inner) for inner in (value.values() if isinstance(value, dict) else value)]


def read_rows(file: str) -> Iterator[Row]:
    """Yield all rows. Raises UserError naming the rows that cannot be used, the first `SHOWN` of them."""
    faults: list[Fault] = []
    kinds: set[tuple[str, ...]] = set()
    for record in records(Path(), file):
        try:
            row = read_row(record)
        except Bad as bad:
            hint = COLUMNS if bad.code == "missing-column" else bad.hint
            faults.append(Fault(bad.code, bad.message, Where(record.file, record.line), hint))
        else:
            kinds.add(row.columns)
            if len(kinds) > 1:
                faults.append(_mixed(record))
            elif not faults:
                yield row
        if len(faults) == SHOWN:
            break
    if faults:
        raise UserError(faults)
    if not kinds:
        raise UserError(
            f"`{file}` holds no rows", code="no-rows", where=Where(file), hint="give a file with rows in it"
        )


def _mixed(record: Record) -> Fault:
    text = "the file holds both pairs and single responses"
    return Fault("mixed-rows", text, Where(record.file, record.line), "score them as two files")
