"""Datasets: one file a source of preference pairs.

To add one: write `data/NAME.py` with a class derived from `Dataset` that yields `Row`s, and its
test. A source is written in a spec as its name (`source: tldr`), as its name with options
(`source: {name: tldr, path: …}`), or, for the generic sources, under its own key
(`source: {jsonl: pairs.jsonl}`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from drdoctl.core.parts import Part, discover

PARTS = ("train", "eval", "sft", "prompts")
PartName = Literal["train", "eval", "sft", "prompts"]
Turns = str | list[dict[str, str]]
EVAL_FRACTION = 0.05
"""Share of the prompts held out for evaluation, where neither the source nor the spec says otherwise."""


@dataclass(frozen=True)
class Row:
    """The one row shape. Pairs fill `chosen` and `rejected`; demonstrations only `chosen`; prompts neither.

    `prompt` is plain text, or a list of `{role, content}` turns; responses are text.
    """

    id: str
    prompt: Turns
    chosen: str | None = None
    rejected: str | None = None
    reference: str | None = None
    """A human-written response, where the source has one."""
    confidence: float | None = None
    """How sure the labeller was, in the source's own units; only its order matters."""
    score_chosen: float | None = None
    score_rejected: float | None = None
    preference: float | None = None
    """Probability that `chosen` is better."""
    where: str = ""
    """file:line, for messages."""

    @property
    def texts(self) -> list[str]:
        """Return what people and models wrote: the prompt, or its turns, and the responses."""
        prompt = [self.prompt] if isinstance(self.prompt, str) else [turn["content"] for turn in self.prompt]
        return prompt + [text for text in (self.chosen, self.rejected) if text is not None]


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used, and why (`missing-column`, `wrong-type`, `not-finite`, `utf-8` …)."""

    code: str
    message: str
    where: str
    hint: str | None = None


class Dataset(Part):
    """A source of preference pairs. Reading is lazy and in file order; nothing here imports torch."""

    key: ClassVar[str | None] = None
    """The key that stands for `name` in a spec, for generic sources: `{jsonl: …}`."""
    paper: ClassVar[str] = ""
    """Where the data comes from, and its licence."""
    columns_apply: ClassVar[bool] = False
    """Whether `data.columns` renames this source's columns."""
    gives_confidence: ClassVar[bool | None] = None
    """Whether rows carry a confidence, a preference or scores, as `easy` needs (None: only the rows can tell)."""
    gives_scores: ClassVar[bool | None] = None
    """Whether rows carry a score of each response, as `margin` needs (None: only the rows can tell)."""
    parts: ClassVar[tuple[str, ...]] = ("train",)
    """Which of train, eval, sft, prompts the source gives of itself."""

    def read(self, part: PartName, columns: dict[str, str]) -> Iterator[Row | BadRow]:
        """Yield the rows of one part in a fixed order. A part that the source does not have yields nothing."""
        raise TypeError(f"dataset {self.name} cannot be read")

    def files(self) -> list[str]:
        """Return the local files read, as the spec writes them: plan hashes them, `check` looks that they are there."""
        return []

    def has_part(self, part: PartName) -> bool:
        """Whether rows of this part come from the source itself (options such as `eval:` may add one)."""
        return part in self.parts

    def hub_dataset(self) -> tuple[str, str | None] | None:
        """Return (dataset id, revision) where the rows come from the Hub, else None."""
        return None

    def at(self, base: Path) -> Dataset:
        """Return the same source with relative paths taken from `base`, the spec's folder."""
        return self

    def with_seed(self, seed: int) -> Dataset:
        """Return the same source for another seed; only generated worlds care."""
        return self

    def tokenizer_json(self) -> str | None:
        """Return the text of a `tokenizer.json` made for this source (generated worlds), else None."""
        return None

    def unread_fields(self) -> dict[str, int]:
        """Return fields that nothing reads, of the records read last: name -> records that have it."""
        return {}

    def truth(self, prompt: str, response: str, ended: bool) -> dict[str, float] | None:
        """Return the true reward and its parts for a response, where a program can tell, else None.

        Keys: `reward` first, then parts such as `right`, `wrong`, `words`.
        """
        return None

    @property
    def has_truth(self) -> bool:
        """Whether `truth` answers."""
        return False


@dataclass
class Tally:
    """Counts of what became of the rows, for the data report."""

    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def drop(self, code: str, where: str, limit: int = 5) -> None:
        """Count one dropped row and remember where the first few were."""
        self.dropped[code] = self.dropped.get(code, 0) + 1
        places = self.examples.setdefault(code, [])
        if where and len(places) < limit:
            places.append(where)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as plain JSON."""
        return {"kept": self.kept, "dropped": self.dropped, "examples": self.examples}


def datasets() -> dict[str, type[Dataset]]:
    """Return every dataset by name."""
    return discover(__name__, Dataset)
