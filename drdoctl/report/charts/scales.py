"""Scales: values to positions, with round numbers marked between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

ROUNDING, TINY = 1e-9, 1e-300


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about `count` round numbers from at or below `low` to at or above `high`."""
    size = max(abs(low), abs(high))
    # what differs by rounding alone is one value
    span = high - low if high - low > max(ROUNDING * size, TINY) else size if size > TINY else 1.0
    raw = span / max(1, count - 1)
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [index * step for index in range(first, last + 1)]


def mark_label(value: float, step: float) -> str:
    """Return a mark's text, with as many digits as tell it from its neighbours `step` away."""
    place = math.floor(math.log10(step) + 1e-9)
    if round(step / 10**place, 6) % 1:  # steps of 2.5 have one digit more
        place -= 1
    if value and (abs(value) >= 1e5 or step < 1e-3):
        after = max(1, math.floor(math.log10(abs(value))) - place)
        return f"{value:.{after}e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    return f"{value + 0.0:,.{max(0, -place)}f}"


@dataclass(frozen=True)
class Scale:
    """`low` lies at `start`, `high` at `end`; `marks` are round numbers between them, `step` apart."""

    low: float
    high: float
    start: float
    end: float
    marks: Sequence[float]
    step: float

    def at(self, value: float) -> float:
        """Return a value's position."""
        return self.start + (value - self.low) / ((self.high - self.low) or 1.0) * (self.end - self.start)

    def label(self, value: float) -> str:
        """Return a mark's text."""
        return mark_label(value, self.step)


def round_scale(low: float, high: float, start: float, end: float, count: int = 5) -> Scale:
    """Return a scale that reaches out to the next round numbers."""
    marks = ticks(low, high, count)
    return Scale(marks[0], marks[-1], start, end, marks, marks[1] - marks[0])


def tight_scale(low: float, high: float, start: float, end: float, count: int = 5) -> Scale:
    """Return a scale from the first value to the last, with the round numbers between."""
    marks, slack = ticks(low, high, count), 1e-9 * (high - low)
    inside = [value for value in marks if low - slack <= value <= high + slack]
    return Scale(low, high, start, end, inside, marks[1] - marks[0])
