"""AlpacaEval's files: annotations (which of two outputs a judge prefers) and model outputs, checked row by row.

Format: https://github.com/tatsu-lab/alpaca_eval, `annotations.json` and `model_outputs.json`. Here they may also be
JSON lines, Parquet, gzipped, and hold many models. Texts are read past: only their lengths stay in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from drdoctl.core.errors import UserError
from drdoctl.data._every import Take, every
from drdoctl.data._records import Bad, kind, number

TIES = (0.0, 1.5)
NEEDED = "rows hold `instruction`, `output_1`, `generator_1`, `output_2`, `generator_2` and `preference`"
OUTPUTS = "rows hold `instruction`, `output` and `generator`"


@dataclass(frozen=True)
class Match:
    """Who is compared with whom, by which judge."""

    annotator: str
    baseline: str
    """`generator_1`."""
    model: str
    """`generator_2`, whose wins are counted."""


@dataclass(frozen=True)
class Annotation:
    """One judgement of two outputs to one instruction."""

    instruction: bytes
    """A digest: texts are not kept."""
    preference: float | None
    """From 1 (`output_1` is better) to 2 (`output_2` is), 1.5 for a tie; None where the judge gave none."""
    length_1: int
    """Characters of `output_1`."""
    length_2: int
    where: str


@dataclass
class Annotations:
    """All judgements of some files, one table a match, in the order of the files."""

    matches: dict[Match, list[Annotation]]
    repeated: int = 0
    """Rows left out because an equal one stands before them."""


def read_annotations(files: Sequence[str], base: Path = Path()) -> Annotations:
    """Return the judgements of the files. Raises UserError naming the rows that cannot be used, the first few."""
    found: dict[Match, dict[bytes, tuple[bytes, Annotation]]] = {}
    repeated = 0

    def take(record: Mapping[str, Any], where: str) -> None:
        nonlocal repeated
        match, whole, row = _annotation(record, where)
        seen = found.setdefault(match, {}).setdefault(row.instruction, (whole, row))
        if seen[1] is row:
            return
        if seen[0] != whole:
            message = f"`{match.model}` has another judgement of this instruction at {seen[1].where}"
            raise Bad(
                "duplicate", message, "keep one of the two rows; judgements by another judge have another `annotator`"
            )
        repeated += 1

    _each(files, base, take, NEEDED)
    return Annotations({match: [row for _, row in rows.values()] for match, rows in found.items()}, repeated)


def read_lengths(files: Sequence[str], base: Path = Path()) -> dict[str, dict[bytes, int]]:
    """Return generator -> instruction's digest -> characters of its output. Raises UserError naming the bad rows."""
    found: dict[str, dict[bytes, int]] = {}

    def take(row: Mapping[str, Any], where: str) -> None:  # noqa: ARG001  # nothing is told of a good row
        outputs = found.setdefault(_text(row, "generator"), {})
        instruction, output = _digest(_text(row, "instruction")), _text(row, "output")
        if outputs.setdefault(instruction, len(output)) != len(output):
            raise Bad("duplicate", "another output to this instruction stands before", "keep one of the rows")

    _each(files, base, take, OUTPUTS)
    return found


def _each(files: Sequence[str], base: Path, take: Take, columns: str) -> None:
    if not every(files, base, take, columns):
        names = ", ".join(f"`{file}`" for file in files)
        raise UserError(f"there are no rows in {names}", code="no-rows", hint=columns)


def _annotation(row: Mapping[str, Any], where: str) -> tuple[Match, bytes, Annotation]:
    """Return the row's match, a digest of all that counts of it, and the judgement."""
    match = Match(_text(row, "annotator", ""), _text(row, "generator_1"), _text(row, "generator_2"))
    instruction, first, second = (_text(row, name) for name in ("instruction", "output_1", "output_2"))
    preference = _preference(row)
    whole = _digest("\0".join([repr(preference), str(len(first)), first, second]))
    return match, whole, Annotation(_digest(instruction), preference, len(first), len(second), where)


def _preference(row: Mapping[str, Any]) -> float | None:
    if "preference" not in row:
        raise Bad("missing-column", "there is no `preference`")
    found = number(row["preference"], "preference")
    if found is None:
        return None
    if found in TIES:
        return 1.5
    if not 1 <= found <= 2:
        raise Bad("out-of-range", f"`preference` is {found:g}, not from 1 to 2 (or 0, a tie)")
    return found


def _text(row: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a column that must be a text; outputs may be empty, as models' answers may."""
    value = row.get(name, default)
    if value is None:
        raise Bad("missing-column", f"there is no `{name}`")
    if not isinstance(value, str):
        raise Bad("wrong-type", f"`{name}` is {kind(value)}, not a text")
    if not value and name.startswith(("generator", "instruction")):
        raise Bad("empty-name" if name.startswith("generator") else "empty-prompt", f"`{name}` is empty")
    return value


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
