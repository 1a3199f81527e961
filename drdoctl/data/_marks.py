"""What later choices are made from: hashes, confidence, edit distance, scores and lengths, about 55 bytes a row."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drdoctl.data import Row, Turns

if TYPE_CHECKING:
    import numpy as np


NEWEST = 1 << 16
"""Hashes that are kept as Python objects, which take about 70 bytes each."""


@dataclass
class Marks:
    """What choices are made from, one entry a row that was kept, in the order of the work file."""

    prompt: array[int] = field(default_factory=lambda: array("Q"))
    """Hash of the prompt."""
    ident: array[int] = field(default_factory=lambda: array("Q"))
    confidence: array[float] = field(default_factory=lambda: array("d"))
    edit_distance: array[float] = field(default_factory=lambda: array("d"))
    score_margin: array[float] = field(default_factory=lambda: array("d"))
    """`score_chosen - score_rejected`, where the row has both."""
    prompt_tokens: array[int] = field(default_factory=lambda: array("i"))
    chosen_tokens: array[int] = field(default_factory=lambda: array("i"))
    rejected_tokens: array[int] = field(default_factory=lambda: array("i"))
    has_reference: array[int] = field(default_factory=lambda: array("b"))

    def add(self, record: Mapping[str, Any], prompt: Turns) -> None:
        """Note a row that is kept, given its columns and its prompt."""
        self.prompt.append(hash_prompt(prompt))
        self.ident.append(hash_text(record["id"]))
        for name in ("confidence", "edit_distance"):
            getattr(self, name).append(float("nan") if record[name] is None else record[name])
        scores = record["score_chosen"], record["score_rejected"]
        self.score_margin.append(float("nan") if None in scores else scores[0] - scores[1])
        for name in ("prompt", "chosen", "rejected"):
            getattr(self, f"{name}_tokens").append(len(record[f"student_{name}"] or ()))
        self.has_reference.append(record["reference"] is not None)

    def numpy(self, name: str) -> np.ndarray:
        """Return one of them as an array that shares its memory, shape (N,). No row may be added after that."""
        import numpy as np

        values = getattr(self, name)
        return np.frombuffer(values, dtype={"Q": "u8", "d": "f8", "i": "i4", "b": "?"}[values.typecode])

    def __len__(self) -> int:
        """Return how many rows were kept."""
        return len(self.prompt)


class Seen:
    """Hashes met so far, about 8 bytes each: the newest in a set, the others sorted."""

    def __init__(self) -> None:
        """Start with none."""
        import numpy as np

        self._newest: set[int] = set()
        self._sorted = np.empty(0, dtype=np.uint64)

    def add(self, value: int) -> bool:
        """Add 64 bits of a hash; return whether they are new."""
        import numpy as np

        if value in self._newest:
            return False
        at = self._sorted.searchsorted(np.uint64(value))
        if at < len(self._sorted) and self._sorted[at] == value:
            return False
        self._newest.add(value)
        if len(self._newest) >= NEWEST:
            newest = np.fromiter(self._newest, dtype=np.uint64, count=len(self._newest))
            self._sorted = np.sort(np.concatenate([self._sorted, newest]))
            self._newest = set()
        return True


def hash_text(text: str) -> int:
    """Return 64 bits of a text's hash."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def hash_prompt(prompt: Turns) -> int:
    """Return 64 bits of a prompt's hash; a text and the same text as the user's only turn are one prompt."""
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return hash_text(json.dumps([[turn["role"], turn["content"].strip()] for turn in turns]))


def confidence(row: Row) -> float | None:
    """Return how sure the label is: the row's confidence, else its score margin, else |preference - 1/2|."""
    if row.confidence is not None:
        return row.confidence
    if row.score_chosen is not None and row.score_rejected is not None:
        return abs(row.score_chosen - row.score_rejected)
    return None if row.preference is None else abs(row.preference - 0.5)
