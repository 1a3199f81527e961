"""The second data stage of a divided split: the steps that need an oracle's margins of the pairs, and those after."""

from __future__ import annotations

from drdoctl.stages import Want
from drdoctl.stages import data as data_stage
from drdoctl.stages import rewards as rewards_stage
from drdoctl.stages.blueprint import Blueprint, once


@once
def want(bp: Blueprint) -> Want:
    """Return the stage: it reads the first data stage and the oracle's rewards of its pairs."""
    first = data_stage.whole(bp)
    steps = data_stage.plain_steps(bp.divided[1])
    return Want(
        kind="data",
        version=data_stage.VERSION,
        settings={**first.settings, "data.split": steps, "data.max_rows": bp.spec.data.max_rows},
        inputs={"data": first, data_stage.REWARDS: rewards_stage.of_all(bp)},
        locations={"base": str(bp.facts.base)},
        sizes=first.sizes,
    )
