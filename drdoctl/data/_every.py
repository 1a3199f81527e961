"""Every row of some files, handed to whoever takes it; the rows that cannot be used are named all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.data._files import Record, records
from drdoctl.data._ledger import SHOWN
from drdoctl.data._records import Bad, mapping

Take = Callable[[Mapping[str, Any], str], None]
"""Takes a row and its `file:line`; raises `Bad` where it cannot be used."""


def every(files: Iterable[str], base: Path, take: Take, columns: str) -> int:
    """Return how many rows the files hold. Raises UserError naming those that cannot be used, the first `SHOWN`.

    `columns` says what rows hold, to whom a column is missing.
    """
    faults: list[Fault] = []
    count = 0
    for record in _all(files, base, faults):
        count += 1
        try:
            if isinstance(record.data, Bad):
                raise record.data
            take(mapping(record.data), record.where)
        except Bad as bad:
            hint = columns if bad.code == "missing-column" else bad.hint
            faults.append(Fault(bad.code, bad.message, Where(record.file, record.line), hint))
        if len(faults) >= SHOWN:
            break
    if faults:
        raise UserError(faults)
    return count


def _all(files: Iterable[str], base: Path, faults: list[Fault]) -> Iterator[Record]:
    for file in files:
        try:
            yield from records(base, file)
        except UserError as error:
            faults.extend(error.faults)
