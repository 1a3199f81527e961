"""The responses that a server gave so far, a line of JSON each: a resume asks only for what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from drdoctl.train.completions import Form

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
    """The responses so far, a line of JSON each. A line that a killed process left half written does not count."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Kept]:
        """Return all whole lines."""
        if not self.path.exists():
            return []
        whole = self.path.read_bytes().rpartition(b"\n")[0]
        return [Kept(**json.loads(line)) for line in whole.splitlines()]

    def mend(self) -> None:
        """Cut off a half line, so that the next one begins on its own."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            whole, newline, _ = self.path.read_bytes().rpartition(b"\n")
            with self.path.open("r+b") as file:
                file.truncate(len(whole) + len(newline))

    def add(self, kept: Kept) -> None:
        """Append one response: whole, should this process be killed right after."""
        with self.path.open("ab") as file:
            file.write(json.dumps(asdict(kept), ensure_ascii=False).encode() + b"\n")


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
