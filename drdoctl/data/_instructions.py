"""A file of instructions to answer, such as AlpacaEval's: `instruction`, and what else its rows say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.data import Turns
from drdoctl.data._files import records
from drdoctl.data._records import Bad, mapping, text

SHOWN = 20
"""Bad rows that are named before giving up."""
ABOUT = ("dataset", "datasplit")
"""What AlpacaEval's rows say of an instruction, and its files of outputs repeat."""
COLUMNS = "rows hold `instruction`, as in AlpacaEval's `alpaca_eval.json`, or as in any model's outputs"


@dataclass(frozen=True)
class Instruction:
    """One instruction, in the file's order."""

    text: str
    about: dict[str, str] = field(default_factory=dict)
    """`dataset` and `datasplit`, where the row has them."""

    @property
    def prompt(self) -> Turns:
        """Return the turns that a student is asked with."""
        return [{"role": "user", "content": self.text}]


def read_instructions(file: str, base: Path = Path()) -> list[Instruction]:
    """Return the instructions of a file (JSON, JSON lines, Parquet; gzipped or not).

    Raises UserError naming the rows that cannot be used, the first `SHOWN` of them.
    """
    found: dict[str, Instruction] = {}
    places: dict[str, str] = {}
    faults: list[Fault] = []
    for record in records(base, file):
        try:
            if isinstance(record.data, Bad):
                raise record.data
            one = _instruction(mapping(record.data), places)
            found[one.text], places[one.text] = one, record.where
        except Bad as bad:
            hint = COLUMNS if bad.code == "missing-column" else bad.hint
            faults.append(Fault(bad.code, bad.message, Where(record.file, record.line), hint))
        if len(faults) == SHOWN:
            break
    if not found and not faults:
        faults = [Fault("no-rows", f"`{file}` holds no instructions", Where(file), COLUMNS)]
    if faults:
        raise UserError(faults)
    return list(found.values())


def _instruction(row: Mapping[str, Any], places: Mapping[str, str]) -> Instruction:
    if row.get("instruction") is None:
        raise Bad("missing-column", "there is no `instruction`")
    about = {name: text(row[name], name) for name in ABOUT if row.get(name) is not None}
    if row["instruction"] == "" or str(row["instruction"]).isspace():
        raise Bad("empty-prompt", "`instruction` is empty")
    asked = text(row["instruction"], "instruction")
    if asked in places:
        raise Bad("duplicate", f"the same instruction stands at {places[asked]}", "keep one of the rows")
    return Instruction(asked, about)
