"""The responses that a server gave so far, a line each, JSON behind its hash: a resume asks for what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from drdoctl.core.files import write_atomic
from drdoctl.train.completions import Form
from drdoctl.train.pieces import content_of, sealed

if TYPE_CHECKING:
    from pathlib import Path

    from drdoctl.stages import Job


@dataclass(frozen=True)
class Kept:
    """One line of the file of responses."""

    way: str
    row: int
    text: str
    tokens: int
    ended: bool
    form: Form
    read: int | None
    """How many tokens the server read as the prompt, where it tells."""


class Notebook:
    """The responses so far, a line each. Lines that are damaged, or that a killed process left half, do not count."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Kept]:
        """Return what the whole lines hold."""
        return [Kept(**json.loads(found)) for line in self._lines() if (found := content_of(line)) is not None]

    def mend(self) -> int:
        """Drop what does not count, so that the next line begins on its own. Return how many lines were damaged."""
        lines = self._lines()
        whole = [line for line in lines if content_of(line) is not None]
        write_atomic(self.path, b"".join(line + b"\n" for line in whole))
        return len(lines) - len(whole)

    def add(self, kept: Kept) -> None:
        """Append one response: whole, should this process be killed right after."""
        line = sealed(json.dumps(asdict(kept), ensure_ascii=False).encode())
        with self.path.open("ab") as file:
            file.write(line + b"\n")

    def _lines(self) -> list[bytes]:
        """Return all lines that have an end."""
        return self.path.read_bytes().split(b"\n")[:-1] if self.path.exists() else []


def notebook(job: Job, of: str = "") -> Notebook:
    """Return the stage's responses to the data's prompts, or to the instructions that an eval brings."""
    return Notebook(job.path("work", "samples", of, "responses.jsonl"))


def stamps(job: Job, prompts: Sequence[Sequence[int]], of: str = "") -> list[str]:
    """Return what a reader of figures must know of how the server read the prompts."""
    as_text = {kept.row: kept.read for kept in notebook(job, of).read() if kept.form == "text"}
    if not as_text:
        return []
    other = sum(read is not None and read != len(prompts[row]) for row, read in as_text.items())
    if other:
        count = f"{other:,} of {len(as_text):,}"
        return [f"the server took prompts as text and read {count} as another number of tokens than the student's"]
    return ["the server took prompts as text, which it may have read as other tokens than the student's"]
