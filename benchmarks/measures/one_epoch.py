"""DPO and DRDO from a raw file to an aligned student, one epoch, against TRL's default."""

from __future__ import annotations

from benchmarks.epochs import measure

MEASURE = measure(1, "one epoch", target=4.2)
