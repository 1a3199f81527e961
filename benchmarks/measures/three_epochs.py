"""DPO and DRDO from a raw file to an aligned student, three epochs, against TRL's default."""

from __future__ import annotations

from benchmarks.epochs import measure

MEASURE = measure(3, "three epochs", target=None)
