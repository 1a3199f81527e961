"""What a measure is: sides that run in turn, and the rows of the table that their records give."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.runs import Side
from benchmarks.worlds import Ready


@dataclass(frozen=True)
class Row:
    """One line of the table: a ratio of two sides of one measure."""

    title: str
    ours: str
    peers: tuple[str, ...]
    """Against the best of these."""
    against: str
    """The peer's name in the table."""
    quantity: Literal["time", "memory", "total", "overhead"] = "time"
    """`time`: seconds a unique token; `memory`: peak of the process; `total`: seconds of the whole; `overhead`: seconds
    from the start of a stage to the end of its first step, less the step."""
    target: float | None = None
    speedup: bool = True
    """Whether the ratio is peer / ours (and must be at least the target), else ours / peer (at most the target)."""


@dataclass(frozen=True)
class Measure:
    """Sides to run in turn and what is read from them."""

    title: str
    sides: Callable[[Ready], Mapping[str, Side]]
    rows: tuple[Row, ...]
    worlds: tuple[str, ...] = ("pairs", "ultrafeedback", "smollm2")
    needs_trl: bool = True


def measures() -> dict[str, Measure]:
    """Return every measure by name: the modules of `benchmarks/measures/`."""
    home = importlib.import_module("benchmarks.measures")
    names = sorted(info.name for info in pkgutil.iter_modules(home.__path__))
    return {name.replace("_", "-"): importlib.import_module(f"{home.__name__}.{name}").MEASURE for name in names}
