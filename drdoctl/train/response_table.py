"""The tables of the evaluate stage: evaluation prompts in, responses with their scores out (`samples.parquet`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from drdoctl.core.words import REFERENCE, SAMPLE_COLUMNS, TEST
from drdoctl.evals import Samples
from drdoctl.train.columns import numbers, read
from drdoctl.train.rewards import write_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from drdoctl.train.responses import Way


@dataclass(frozen=True)
class Prompts:
    """The evaluation prompts of a data artifact, P of them."""

    ids: list[str]
    text: list[str]
    reference: list[str | None]
    student: list[list[int]]
    """The prompts as the student reads them."""
    oracle: list[list[int]]
    """The prompts as the oracle reads them."""
    student_reference: list[list[int]]
    """The logged responses in the student's tokens, end tokens included."""
    oracle_reference: list[list[int]]
    """The same in the oracle's tokens."""
    judges: Mapping[str, tuple[list[list[int]], list[list[int]]]] = field(default_factory=dict)
    """Prompts and logged responses in the tokens of judges that share nobody's tokenizer: `judge_1a2b3c4d` -> both."""

    @classmethod
    def read(cls, data: Path) -> Prompts:
        """Read `prompts.parquet`."""
        table = read(data / "prompts.parquet").to_pydict()
        own = [name.removesuffix("_prompt") for name in table if name.startswith("judge_") and name.endswith("_prompt")]
        references = table["student_reference"]
        return cls(
            ids=table["id"],
            text=table["prompt"],
            reference=table["reference"],
            student=table["student_prompt"],
            oracle=table.get("oracle_prompt") or table["student_prompt"],
            student_reference=references,
            oracle_reference=table.get("oracle_reference") or references,
            judges={who: (table[f"{who}_prompt"], table[f"{who}_reference"]) for who in own},
        )

    def as_read_by(self, who: str) -> tuple[list[list[int]], list[list[int]]]:
        """Return prompts and logged responses in the tokens of `student`, `oracle` or `judge_1a2b3c4d`."""
        common = {
            "student": (self.student, self.student_reference),
            "oracle": (self.oracle, self.oracle_reference),
        }
        return {**common, **self.judges}[who]

    @classmethod
    def none(cls) -> Prompts:
        """Return no prompts, for a spec that samples nothing: all of them would take some 15 KB each."""
        return cls([], [], [], [], [], [], [])

    def references(self, count: int) -> Responses | None:
        """Return the logged responses of the first `count` prompts, where every prompt has one."""
        text = [text for text in self.reference if text]
        if len(text) < len(self.ids) or not text:
            return None
        tokens = np.array([len(ids or ()) for ids in self.student_reference], dtype=np.int32)
        ended = np.ones(len(text), dtype=bool)
        return Responses(REFERENCE, self.ids[:count], text[:count], tokens[:count], ended[:count])


@dataclass(frozen=True)
class Responses:
    """Responses of one origin: a way of sampling, or the logged references."""

    label: str
    ids: list[str]
    """The prompts' ids."""
    text: list[str]
    tokens: np.ndarray
    ended: np.ndarray
    scores: dict[str, np.ndarray] = field(default_factory=dict)
    """Column -> float64: `oracle`, `truth.reward`, `truth.wrong` …"""
    way: Way | None = None

    def first(self, count: int) -> Samples:
        """Return the first `count` of them as evals see them."""
        scores = {name: values[:count] for name, values in self.scores.items()}
        return Samples(self.ids[:count], self.text[:count], self.tokens[:count], self.ended[:count], scores)


def read_responses(folder: Path) -> dict[str, Responses]:
    """Return an evaluate artifact's responses by label."""
    table = read(folder / "samples.parquet")
    ids, labels, text = (table.column(name).to_pylist() for name in ("id", "sampling", "response"))
    names = ["tokens", "ended", *(name for name in table.column_names if name not in SAMPLE_COLUMNS)]
    columns = {name: numbers(table.column(name)) for name in names}
    found = {}
    for label in dict.fromkeys(labels):
        rows = np.flatnonzero(np.array(labels) == label)
        picked = {name: values[rows] for name, values in columns.items()}
        tokens, ended = picked.pop("tokens"), picked.pop("ended")
        found[label] = Responses(label, [ids[row] for row in rows], [text[row] for row in rows], tokens, ended, picked)
    return found


def write_responses(path: Path, groups: Sequence[Responses], parts: Mapping[str, str] | None = None) -> None:
    """Write all responses, group after group. A score that a group lacks is NaN.

    `parts`: prompt id -> `validation` or `test`, where students are chosen; it becomes a column.
    """
    scores = list(dict.fromkeys(name for group in groups for name in group.scores))

    def each(values: Any, kind: pa.DataType) -> pa.Array:
        return pa.array([value for group in groups for value in values(group)], type=kind)

    columns = {
        "id": each(lambda group: group.ids, pa.string()),
        "sampling": each(lambda group: [group.label] * len(group.ids), pa.string()),
    }
    for name, kind in (("temperature", pa.float64()), ("top_p", pa.float64()), ("max_new_tokens", pa.int32())):
        columns[name] = each(lambda group, name=name: [getattr(group.way, name, None)] * len(group.ids), kind)
    columns["response"] = each(lambda group: group.text, pa.string())
    columns["tokens"] = each(lambda group: group.tokens.tolist(), pa.int32())
    columns["ended"] = each(lambda group: group.ended.tolist(), pa.bool_())
    if parts is not None:
        columns["part"] = each(lambda group: [parts.get(name, TEST) for name in group.ids], pa.string())
    for name in scores:
        columns[name] = each(lambda group, name=name: group.scores.get(name, [np.nan] * len(group.ids)), pa.float64())
    write_table(path, columns)
