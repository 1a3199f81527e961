"""What an evaluation takes: how many responses of what length a student is asked for, and who scores them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drdoctl.plan import memory, work
from drdoctl.plan.memory import GIB, Memory
from drdoctl.plan.seconds import Work
from drdoctl.plan.sizes import Rows, Sizes, model_size
from drdoctl.plan.types import Estimate
from drdoctl.stages import Want

LONGEST_PROMPT = 2.5
"""The longest prompt of those sampled from, in means: all rows of a batch are as long as the longest."""
CHARACTERS = 4.0
"""Characters of English a token, for instructions that no tokenizer has read yet."""


@dataclass(frozen=True)
class Sampled:
    """Responses of one way of sampling. All lengths are tokens, means but for `longest` and `new`."""

    count: int
    prompt: float
    wrote: float
    longest: float
    """The longest prompt."""
    new: int
    """The limit on new tokens."""
    judged: bool
    """Whether judges score them."""

    @property
    def length(self) -> float:
        """Return the tokens of prompt and response."""
        return self.prompt + self.wrote


def sampled(want: Want, prompts: Rows | None) -> Iterator[Sampled]:
    """Yield what an evaluate stage samples; of the data's prompts nothing where their number is not known."""
    # a student that has learned to stop writes about as much as the references
    usual = prompts.chosen if prompts is not None else 0.0
    if prompts is not None:
        longest = min(prompts.longest, prompts.prompt * LONGEST_PROMPT)
        for limit, new in want.sizes["samplings"]:
            count = min(limit or prompts.count, prompts.count)
            yield Sampled(count, prompts.prompt, min(new, usual or new), longest, new, judged=True)
    for lengths, new in want.sizes.get("instructed", ()):
        mean, longest = sum(lengths) / len(lengths) / CHARACTERS, max(lengths) / CHARACTERS
        yield Sampled(len(lengths), mean, min(new, usual or new), longest, new, judged=False)


def evaluation(want: Want, sizes: Sizes, dtype: str, resources: Mapping[str, Any]) -> tuple[Estimate, Work]:
    """Add up sampling by the student, judging by reward models, and log-probabilities of the held-out pairs."""
    held_out = sizes.eval if want.sizes["pairs"] else None
    model, oracle = (model_size(want.sizes.get(name)) for name in ("model", "oracle"))
    judges = [model_size(size) for size in (want.sizes.get("oracle"), *want.sizes.get("judges", ()))]
    tokens = flops = text = 0.0
    todo, peak, pieces = Work(), Memory(), 1.0
    for one in sampled(want, sizes.prompts):
        count, length, longest = one.count, one.length, one.longest
        tokens += count * length
        text += count * one.new * 4
        if model is not None:
            flops += model.forward(count * length, length, count * one.new)
            peak = peak.larger(memory.sampling(model, count, longest, one.new, dtype, resources))
            pieces = max(pieces, work.sampled_pieces(model, count, longest + one.new))
            rows = memory.sampled_rows(model, count, longest + one.new, resources)
            todo += work.sampling(model, count, length, one.wrote, rows)
        for scorer in filter(None, judges if one.judged else ()):
            flops += scorer.forward(count * length, length)
            todo += work.scoring(scorer, count * length, count, dtype)
    if held_out is not None:
        pairs = held_out.count * held_out.pair
        tokens += pairs
        pieces = max(pieces, work.scored_pieces(pairs))
        # what the student's own rewards stage has scored is not scored again
        judged = None if "rewards" in want.inputs else oracle
        for judge, heads in ((model, pairs - held_out.count * held_out.prompt), (judged, 0.0)):
            if judge is not None:
                flops += judge.forward(pairs, held_out.pair, heads)
                todo += work.scoring(judge, pairs, held_out.count, dtype)
                peak = peak.larger(memory.scoring(judge, pairs, heads, dtype, resources))
    estimate = Estimate(tokens=round(tokens), flops=flops, disk_gib=text / GIB, **(peak.told() if peak.total else {}))
    return estimate, (todo + Work(flops=flops)).times(work.busiest(pieces, resources["processes"]))
