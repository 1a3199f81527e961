"""`tldr`: people's choices between two summaries of a Reddit post, with how sure they were (1 to 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from drdoctl.data import PartName, Row
from drdoctl.data._files import part_files
from drdoctl.data._records import Bad, encodable, kind, mapping, number, pair, text
from drdoctl.data._source import Adapter

PROMPT = "SUBREDDIT: r/{subreddit}\n\nTITLE: {title}\n\nPOST: {post}\n\nTL;DR:"
"""Stiennon et al. 2020, appendix B; the response goes on after the colon."""


class Tldr(Adapter):
    """TL;DR comparisons: 92,858 + 86,086 choices between two summaries, with the labeller's confidence."""

    name: Literal["tldr"] = "tldr"

    paper: ClassVar[str] = "Stiennon et al. 2020, arXiv 2009.01325 (openai/summarize_from_feedback, MIT-style terms)"
    gives_confidence: ClassVar[bool | None] = True
    gives_scores: ClassVar[bool | None] = False
    hub_id: ClassVar[str] = "openai/summarize_from_feedback"
    hub_config: ClassVar[str | None] = "comparisons"
    # the data set came with a loading script, which `datasets` no longer runs; the Hub keeps its rows here
    hub_revision: ClassVar[str | None] = "refs/convert/parquet"
    hub_splits: ClassVar[dict[str, str]] = {"train": "train", "eval": "validation"}

    def has_part(self, part: PartName) -> bool:
        """Whether there is such a part: rows say themselves whether they are for training or validation."""
        return part in ("train", "eval")

    def _files(self, part: str) -> list[str]:
        if part == "eval" and self.path is not None and self.eval_path is None:
            return part_files(self._base, self.path, "train")
        return super()._files(part)

    def files(self) -> list[str]:
        """Return the files of both parts, each once."""
        return list(dict.fromkeys(super().files()))

    def convert(
        self,
        record: Mapping[str, Any],
        part: PartName,
        label: str,
        where: str,
        columns: Mapping[str, str],  # noqa: ARG002  # the columns are known
    ) -> Row | None:
        """Return a record's row: `choice` says which of the two `summaries` is better."""
        split = record.get("split", "train")
        if not isinstance(split, str):
            raise Bad("wrong-type", f"`split` is {kind(split)}, not a text")
        if split.startswith("valid") != (part == "eval"):
            return None
        info = mapping(record.get("info"), "`info`")
        if info.get("post") is None and info.get("article") is not None:
            raise Bad("not-tldr", "a news article, not a Reddit post")
        summaries, choice = _summaries(record.get("summaries")), record.get("choice")
        if isinstance(choice, bool) or choice not in (0, 1):
            raise Bad("wrong-type", f"`choice` is {choice!r:.20}, not 0 or 1")
        extra = mapping(record.get("extra") or {}, "`extra`")
        references = [said for said, policy in summaries if policy == "ref"]
        return pair(
            {
                "prompt": _prompt(info),
                "chosen": summaries[choice][0],
                "rejected": summaries[1 - choice][0],
                "reference": references[0] if references else None,
                "confidence": number(extra.get("confidence"), "extra.confidence", 1, 9),
            },
            label,
            where,
        )


def _prompt(info: Mapping[str, Any]) -> str:
    post = text(info.get("post"), "prompt: info.post").strip()
    title, subreddit = (info.get(name) or "" for name in ("title", "subreddit"))
    if not isinstance(title, str) or not isinstance(subreddit, str):
        raise Bad("wrong-type", "`info.title` or `info.subreddit` is not a text")
    return PROMPT.format(
        subreddit=encodable(subreddit, "info.subreddit"),
        title=encodable(title, "info.title").strip(),
        post=post,
    )


def _summaries(value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, list) or len(value) != 2:
        raise Bad("wrong-type", "`summaries` is not a list of two")
    both = [mapping(summary, "a summary") for summary in value]
    return [
        (text(summary.get("text"), f"summaries[{place}].text").strip(), summary.get("policy"))
        for place, summary in enumerate(both)
    ]
