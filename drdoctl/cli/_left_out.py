"""What an apply did not run because other stages failed, in few words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from drdoctl.core.words import listed

if TYPE_CHECKING:
    from drdoctl.engine.outcome import Outcome
    from drdoctl.plan.types import Plan


def left_out(plan: Plan, outcome: Outcome, report: str) -> Iterator[str]:
    """Yield which stages rest on a failed one, which only wait because apply stopped there, and what is to be seen.

    `report`: the command that shows what was measured of a plan that is not finished.
    """
    failed = set(outcome.failed)
    skipped = [stage.want for stage in plan.stages if stage.want.id in outcome.skipped]
    below = [want.id for want in skipped if any(other.id in failed for other in want.walk())]
    if below:
        yield f"Will not run because {listed([f'`{name}`' for name in failed])} failed: {listed(below)}"
    if len(below) < len(skipped):
        others = [want.id for want in skipped if want.id not in below]
        yield f"Not begun after that failure: {listed(others)}. `--keep-going` runs what does not rest on it"
    if failed and any(stage.want.kind == "evaluate" and stage.want.id in outcome.done for stage in plan.stages):
        yield f"`{report}` shows what was measured"
