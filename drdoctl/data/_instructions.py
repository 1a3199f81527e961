"""A file of instructions to answer, such as AlpacaEval's: `instruction`, and what else its rows say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drdoctl.core.errors import UserError, Where
from drdoctl.data import Turns
from drdoctl.data._every import every
from drdoctl.data._records import Bad, text

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

    Raises UserError naming the rows that cannot be used, the first few.
    """
    found: dict[str, Instruction] = {}
    places: dict[str, str] = {}

    def take(row: Mapping[str, Any], where: str) -> None:
        one = _instruction(row, places)
        found[one.text], places[one.text] = one, where

    if not every([file], base, take, COLUMNS):
        raise UserError(f"`{file}` holds no instructions", code="no-rows", where=Where(file), hint=COLUMNS)
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
