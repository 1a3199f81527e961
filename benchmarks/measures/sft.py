"""A step of supervised fine-tuning: drdoctl against TRL's SFTTrainer at its best setting."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import SFT, Ready

PEERS = ("plain", "grouped", "packed")


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return drdoctl's sft stage, and SFTTrainer with plain, length-grouped and packed batches."""
    peers = {name: ready.peer("benchmarks.sides.trl:sft", setting=name) for name in PEERS}
    return {"drdoctl": ready.job("sft", ready.text(SFT)), **peers}


MEASURE = Measure(
    "Supervised fine-tuning",
    sides,
    (
        Row("SFT", "drdoctl", PEERS, "TRL SFTTrainer, its best setting", target=1.5),
        Row("peak memory of SFT", "drdoctl", PEERS, "TRL SFTTrainer, its best setting", "memory", speedup=False),
    ),
)
