"""What an evaluation takes: how many responses of what length a student is asked for, and who scores them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drdoctl.plan import memory, work
from drdoctl.plan.memory import GIB, Memory
from drdoctl.plan.seconds import Work
from drdoctl.plan.sizes import ModelSize, Rows, Sizes, model_size
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


@dataclass
class _Bill:
    """What a stage's parts come to. Each is shared by the processes piece by piece."""

    resources: Mapping[str, Any]
    flops: float = 0.0
    todo: Work = field(default_factory=Work)
    """One process's."""
    peak: Memory = field(default_factory=Memory)

    def add(self, flops: float, todo: Work, pieces: int, peak: Memory) -> None:
        """Add a part. `pieces`: of it and of whatever is shared out together with it."""
        self.flops += flops
        self.todo += (todo + Work(flops=flops)).times(work.busiest(pieces, self.resources["processes"]))
        self.peak = self.peak.larger(peak)

    def score(self, model: ModelSize | None, rows: float, length: float, heads: float, dtype: str) -> None:
        """Add the scoring of rows of so many tokens, `heads` of them all through the LM head."""
        if model is not None and rows:
            tokens = rows * length
            peak = memory.scoring(model, tokens, heads, dtype, self.resources)
            flops = model.forward(tokens, length, heads)
            self.add(flops, work.scoring(model, tokens, rows, heads, dtype), work.scored_pieces(tokens), peak)


def evaluation(want: Want, sizes: Sizes, dtype: str, resources: Mapping[str, Any]) -> tuple[Estimate, Work]:
    """Add up sampling by the student, judging by reward models, and log-probabilities of the held-out pairs."""
    held_out, bill = sizes.eval if want.sizes["pairs"] else None, _Bill(resources)
    model, oracle = (model_size(want.sizes.get(name)) for name in ("model", "oracle"))
    judged_as = str(want.settings.get("oracle.dtype") or dtype)
    ways = list(sampled(want, sizes.prompts))
    if model is not None:
        _sample(bill, model, ways, dtype)
    read = [(one.count, one.length) for one in ways if one.judged]
    if read and sizes.prompts is not None and sizes.prompts.chosen:  # the logged responses, beside what was sampled
        read.append((max(count for count, _ in read), sizes.prompts.single))
    for judge in (oracle, *(model_size(size) for size in want.sizes.get("judges", ()))):
        for count, length in read:
            bill.score(judge, count, length, 0.0, judged_as)
    tokens = sum(one.count * one.length for one in ways)
    if held_out is not None:
        tokens += held_out.count * held_out.pair
        bill.score(model, held_out.count, held_out.pair, held_out.count * (held_out.pair - held_out.prompt), dtype)
        # what the student's own rewards stage has scored is not scored again
        judged = None if "rewards" in want.inputs else oracle
        bill.score(judged, held_out.count, held_out.pair, 0.0, judged_as)
    text = sum(one.count * one.new * 4 for one in ways)
    peak = bill.peak.told() if bill.peak.total else {}
    return Estimate(tokens=round(tokens), flops=bill.flops, disk_gib=text / GIB, **peak), bill.todo


def _sample(bill: _Bill, model: ModelSize, ways: Sequence[Sampled], dtype: str) -> None:
    """Add the sampling. The pieces of all ways are shared out together."""
    resources = bill.resources
    pieces = sum(work.sampled_pieces(model, one.count, one.longest + one.new) for one in ways)
    for one in ways:
        rows = memory.sampled_rows(model, one.count, one.longest + one.new, resources)
        flops = model.forward(one.count * one.length, one.length, one.count * one.new)
        todo = work.sampling(model, one.count, one.length, one.wrote, rows, dtype, resources)
        bill.add(flops, todo, pieces, memory.sampling(model, one.count, one.longest, one.new, dtype, resources))
