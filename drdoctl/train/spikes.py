"""Says in the log which steps had gradients far above the usual, and of which rows, while it can be looked up."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Iterable, Sequence

SPIKE = 10.0
"""Times the median of the steps before it."""
BEFORE, LEAST = 64, 16
"""Steps that the median is of, at most and at least."""
SHOWN = 16
"""Rows that are named."""


class Spikes:
    """Follows the gradients' norm, step by step."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """`say` gets a line for each spike."""
        self.say = say
        self._norms: deque[float] = deque(maxlen=BEFORE)

    def begin(self, norms: Iterable[float]) -> None:
        """Go on from the norms of the steps that were taken before a resume."""
        self._norms.extend(norms)

    def look(self, step: int, norm: float, rows: Callable[[], Sequence[str]]) -> None:
        """Take in a step's norm. `rows` gives the ids of its rows, and is asked only where it is a spike."""
        if len(self._norms) >= LEAST and norm > SPIKE * (usual := statistics.median(self._norms)):
            names = rows()
            more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            self.say(
                f"step {step:,}: the gradients' norm is {norm:.4g}, where {usual:.4g} is usual; "
                f"rows {', '.join(names[:SHOWN])}{more}"
            )
        self._norms.append(norm)
