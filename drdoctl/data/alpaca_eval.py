"""`alpaca-eval`: GPT-4's preferences between models' answers to 805 instructions, and plain answers as prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from drdoctl.data import PartName, Row
from drdoctl.data._files import Record, part_files
from drdoctl.data._records import Bad, number, pair, text
from drdoctl.data._source import Adapter, FileSource


class AlpacaEval(Adapter):
    """AlpacaEval annotations (`preference` from 1: `output_1` is better, to 2: `output_2` is) and model outputs."""

    name: Literal["alpaca-eval"] = "alpaca-eval"
    prompts: str | None = Field(default=None, min_length=1)
    """A model's outputs (`instruction`, `output`): evaluation prompts, with the outputs as references."""

    paper: ClassVar[str] = "Dubois et al. 2024, arXiv 2404.04475 (CC BY-NC 4.0)"
    gives_confidence: ClassVar[bool | None] = True
    gives_scores: ClassVar[bool | None] = False
    hub_id: ClassVar[str] = "tatsu-lab/alpaca_eval"
    # the data set's loading script is no longer run by `datasets`: its file is read instead
    hub_splits: ClassVar[dict[str, str]] = {"train": "alpaca_eval_annotations_alpaca_eval_gpt4.json"}

    def has_part(self, part: PartName) -> bool:
        """Whether there is such a part; `prompts` needs a file of outputs."""
        return self.prompts is not None if part == "prompts" else super().has_part(part)

    def files(self) -> list[str]:
        """Return the files of all parts."""
        return [*super().files(), *([] if self.prompts is None else part_files(self._base, self.prompts, "train"))]

    def _files(self, part: str) -> list[str]:
        if part == "prompts":
            return [] if self.prompts is None else part_files(self._base, self.prompts, "train")
        return super()._files(part)

    def records(self, part: PartName) -> Iterator[Record]:
        """Yield the records of a part."""
        yield from FileSource.records(self, part) if part == "prompts" else super().records(part)

    def convert(
        self,
        record: Mapping[str, Any],
        part: PartName,
        label: str,
        where: str,
        columns: Mapping[str, str],  # noqa: ARG002  # the columns are known
    ) -> Row:
        """Return a record's row. Of the judge's soft label p = preference - 1, max(p, 1 - p) is kept."""
        if record.get("instruction") is None:
            raise Bad("missing-column", "there is no `instruction`")
        prompt = [{"role": "user", "content": text(record["instruction"], "prompt: instruction")}]
        if part == "prompts":
            reference = record.get("output")
            answer = None if reference is None else text(reference, "output")
            return Row(id=label, prompt=prompt, reference=answer, where=where)
        if "preference" not in record:
            raise Bad("missing-column", "there is no `preference`", "files of plain outputs go under `prompts:`")
        second = _second_wins(record["preference"])
        better, worse = ("output_2", "output_1") if second > 0.5 else ("output_1", "output_2")
        return pair(
            {
                "prompt": prompt,
                better: record.get(better),
                worse: record.get(worse),
                "preference": max(second, 1 - second),
            },
            label,
            where,
            {"chosen": better, "rejected": worse},
        )


def _second_wins(preference: Any) -> float:
    """Return the probability that `output_2` is better. 0 and 1.5 are ties."""
    found = number(preference, "preference", 0, 2)
    if found is None:
        raise Bad("no-preference", "the judge gave no preference")
    if found in (0, 1.5):
        raise Bad("tie", "the judge called it a tie")
    if found < 1:
        raise Bad("out-of-range", f"`preference` is {found:g}, not from 1 to 2 (or 0, a tie)")
    return found - 1
