"""`hh-rlhf`: Anthropic's helpful and harmless dialogues. Each pair is one dialogue with two last turns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from drdoctl.data import PartName, Row
from drdoctl.data._records import Bad, encodable, pair, text
from drdoctl.data._source import Adapter

MARKER = re.compile(r"\n\n(Human|Assistant):")
ROLE = {"Human": "user", "Assistant": "assistant"}


def dialogue(value: str, name: str) -> list[dict[str, str]]:
    """Return the turns of a dialogue as the data set writes it. Raises `Bad`.

    A turn starts at an empty line with `Human:` or `Assistant:` and nowhere else; neighbouring turns of one side
    (the data has some) become one, so that sides alternate. Spaces around a turn are dropped.
    """
    before, *pieces = MARKER.split(value)
    if before.strip() or not pieces:
        raise Bad("wrong-type", f"`{name}` does not start with a turn, `\\n\\nHuman:` or `\\n\\nAssistant:`")
    turns: list[dict[str, str]] = []
    for who, said in zip(pieces[::2], pieces[1::2], strict=True):
        content = said.strip()
        if turns and turns[-1]["role"] == ROLE[who]:
            turns[-1]["content"] = f"{turns[-1]['content']}\n\n{content}".strip()
        else:
            turns.append({"role": ROLE[who], "content": content})
    return turns


class HhRlhf(Adapter):
    """Anthropic HH-RLHF: 160,800 + 8,552 pairs of dialogues, helpful and harmless, without strength of preference."""

    name: Literal["hh-rlhf"] = "hh-rlhf"

    paper: ClassVar[str] = "Bai et al. 2022, arXiv 2204.05862 (MIT)"
    gives_confidence: ClassVar[bool | None] = False
    gives_scores: ClassVar[bool | None] = False
    hub_id: ClassVar[str] = "Anthropic/hh-rlhf"

    def convert(
        self,
        record: Mapping[str, Any],
        part: PartName,  # noqa: ARG002  # the file decides
        label: str,
        where: str,
        columns: Mapping[str, str],  # noqa: ARG002  # the columns are known
    ) -> Row:
        """Return a record's row: the shared turns are the prompt, the last assistant turns the responses.

        About 2 in 1,000 dialogues part earlier: they are no two answers to one prompt, and are always left out.
        """
        both = {}
        for name in ("chosen", "rejected"):
            if record.get(name) is None:
                raise Bad("missing-column", f"there is no `{name}`")
            turns = dialogue(encodable(text(record[name], name), name), name)
            for turn in turns[:-1]:
                if not turn["content"]:
                    raise Bad("empty-prompt", f"a turn of `{name}` is empty")
            both[name] = turns
        if both["chosen"][:-1] != both["rejected"][:-1]:
            raise Bad("dialogues-differ", "the dialogues part before their last turn")
        return pair(both, label, where)
