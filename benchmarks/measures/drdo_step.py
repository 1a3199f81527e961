"""A DRDO step, rewards cached, against drdoctl's own DPO step."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import DRDO, ORACLE, Ready


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return the align stage with DPO, and with DRDO with and without a reference."""
    oracle = ready.text(ORACLE)
    return {
        "dpo": ready.job("align"),
        "drdo": ready.job("align", oracle, ready.text(DRDO, reference="true")),
        "drdo-free": ready.job("align", oracle, ready.text(DRDO, reference="false")),
    }


MEASURE = Measure(
    "DRDO step",
    sides,
    (
        Row("DRDO step", "drdo", ("dpo",), "our DPO step", target=1.02, speedup=False),
        Row("DRDO step without a reference", "drdo-free", ("dpo",), "our DPO step", target=1.02, speedup=False),
    ),
    needs_trl=False,
)
