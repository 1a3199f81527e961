"""Steps whose loss or gradients are not finite: none of them ever reaches the weights.

`skip_not_finite` of a training section says how many of a stage's steps may be left out so; the next one ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drdoctl.core.errors import StageFailed

SHOWN = 64
"""Rows of a step that a message names."""


class Skips:
    """Counts the steps that were left out."""

    def __init__(self, allowed: int, note: Callable[[str], None]) -> None:
        """Allow so many in the whole stage; `note` gets a sentence for each."""
        self.allowed, self.note = allowed, note
        self.count = 0

    def leave_out(self, what: str, value: float, step: int, rows: Sequence[str], saved: int | None) -> None:
        """Count step `step`. Raises StageFailed where it is one too many, or none may be left out.

        `what` is not finite, but `value`; `rows`: the ids of the step's; `saved`: the step of the newest checkpoint.
        """
        more = [f"and {len(rows) - SHOWN:,} more"] if len(rows) > SHOWN else []
        named = ", ".join([*rows[:SHOWN], *more])
        if self.count < self.allowed:
            self.count += 1
            left = self.allowed - self.count
            self.note(
                f"step {step:,} was skipped, as the {what} is {value}: {left:,} more may be; its rows were {named}"
            )
            return
        good = f"the last good checkpoint is at step {saved:,}" if saved else "there is no checkpoint yet"
        before = f"; {self.count:,} of {self.allowed:,} were skipped before it" if self.count else ""
        raise StageFailed(
            f"the {what} is {value} at step {step:,}; nothing of this step was kept, {good}{before}",
            code="not-finite",
            hint=f"lower the learning rate, or look at the rows of the step: {named}",
        )
