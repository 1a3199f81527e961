"""A step of oracle training (Bradley-Terry): drdoctl against TRL's RewardTrainer."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import DRDO, ORACLE, Ready


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return drdoctl's oracle stage without its SFT term, and RewardTrainer."""
    asked = (ready.text(ORACLE), ready.text(DRDO, reference="true"))
    return {"drdoctl": ready.job("oracle", *asked), "trl": ready.peer("benchmarks.sides.trl:reward")}


MEASURE = Measure(
    "Oracle training",
    sides,
    (
        Row("oracle training", "drdoctl", ("trl",), "TRL RewardTrainer", target=2.9),
        Row("peak memory of oracle training", "drdoctl", ("trl",), "TRL RewardTrainer", "memory", speedup=False),
    ),
)
