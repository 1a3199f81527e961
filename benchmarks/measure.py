"""What a measure is: sides that run in turn, and the rows of the table that their records give."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.runs import Side
from benchmarks.worlds import Ready

ROUNDING = 1e-4
"""float32 in another order of summation, over the steps of a run."""


@dataclass(frozen=True)
class Row:
    """One line of the table: a ratio of two sides of one measure."""

    title: str
    ours: str
    peers: tuple[str, ...]
    """Against the best of these; none where the figure itself is what the target bounds."""
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
    agree: str | None = None
    """The field of the records (a list of numbers) that all sides must have alike: else they do not do the same."""


class Disagree(Exception):
    """Two sides that should do the same gave different numbers."""


def check(field: str, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise Disagree where a list of numbers differs between sides by more than rounding."""
    first, *others = records.items()
    for name, record in others:
        pairs = list(zip(first[1][field], record[field], strict=True))
        apart = max(abs(one - other) / (1 + abs(one)) for one, other in pairs)
        if apart > ROUNDING:
            raise Disagree(f"`{field}` of {first[0]} and {name} are {apart:.2g} apart")


def measures() -> dict[str, Measure]:
    """Return every measure by name: the modules of `benchmarks/measures/`."""
    home = importlib.import_module("benchmarks.measures")
    names = sorted(info.name for info in pkgutil.iter_modules(home.__path__))
    return {name.replace("_", "-"): importlib.import_module(f"{home.__name__}.{name}").MEASURE for name in names}
