"""How much a training process has at once: tokens of the largest micro-batch, and how many a step takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drdoctl.plan.sizes import Rows

SPREADS = 2.0
"""Standard deviations by which a step's tokens are taken to exceed the mean somewhere in a run."""


@dataclass(frozen=True)
class Load:
    """The largest micro-batch of a stage, and their number."""

    tokens: float
    """Unique tokens in the largest micro-batch."""
    heads: float
    """Tokens in it that the LM head predicts."""
    micro_batches: float
    """Micro-batches of one process in a mean step."""


def load_of(rows: Rows, global_batch: int, resources: Mapping[str, Any], budget: float, *, pairs: bool) -> Load:
    """Return the load of a training stage, as the loop cuts its steps. `budget`: tokens computed at once.

    A step's rows are spread evenly over as few micro-batches as keep each within the budget, or as a single longer row
    needs; the largest is about the budget where the steps' tokens vary enough to fill it.
    """
    mean = rows.pair if pairs else rows.single
    # a demonstration varies about as much as a pair does, in means
    longest, spread = (value * mean / rows.pair for value in (rows.longest, rows.spread)) if rows.pair else (0.0, 0.0)
    if not mean:
        return Load(0.0, 0.0, 0.0)
    if resources.get("micro_batch"):
        budget = min(budget, resources["micro_batch"] * mean)
    processes = resources["processes"]
    local = max(1.0, global_batch / processes)
    beyond = SPREADS * spread * math.sqrt(local)
    most = local * mean + beyond
    bins = max(1, math.ceil(local * mean / budget))
    # where one step needs a micro-batch more than another, some step between them fills its own
    fewest = max(1, math.ceil((local * mean - beyond) / budget))
    fullest = min(budget, most) if math.ceil(most / budget) > fewest else most / fewest
    tokens = max(min(longest, most), min(fullest, budget))
    answers = 1 - rows.prompt / mean
    return Load(tokens, tokens * answers, min(local, bins))
