"""What an apply did not run because other stages failed, in few words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drdoctl.engine.outcome import Outcome
    from drdoctl.plan.types import Plan

NAMED = 8
"""Stages named in a line; more are counted."""


def left_out(plan: Plan, outcome: Outcome) -> Iterator[str]:
    """Yield which stages rest on a failed one, and how many only wait because apply stopped there."""
    failed = set(outcome.failed)
    skipped = [stage.want for stage in plan.stages if stage.want.id in outcome.skipped]
    below = [want.id for want in skipped if any(other.id in failed for other in want.walk())]
    if below:
        yield f"Will not run because {_listed([f'`{name}`' for name in failed])} failed: {_listed(below)}"
    if len(below) < len(skipped):
        others = [want.id for want in skipped if want.id not in below]
        yield f"Not begun after that failure: {_listed(others)}. `--keep-going` runs what does not rest on it"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
