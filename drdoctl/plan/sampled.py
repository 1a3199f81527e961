"""What a student is asked to say in an evaluation: how many responses, how long, to which prompts; estimates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drdoctl.plan.sizes import Rows
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
