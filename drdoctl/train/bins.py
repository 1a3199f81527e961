"""A step's rows -> micro-batches of equal load: by tokens, whole rows, the same number of them in every process.

Only how a step is computed depends on it, never which rows it takes: the loss is a sum over the rows.
"""

from __future__ import annotations

import heapq

import numpy as np


def bins(lengths: np.ndarray, processes: int, budget: int, most: int | None = None) -> list[list[np.ndarray]]:
    """Return for each micro-step the places (in `lengths`) that each process computes.

    As few micro-steps as keep every bin within `budget` tokens (or a single longer row) and within `most` rows;
    the load is levelled over all bins, so that no process waits and none needs more memory than the others. The
    number of rows must be at least the number of processes. Longest processing time first: Graham, SIAM J.
    Appl. Math. 17 (1969).
    """
    rows, cap = len(lengths), most or len(lengths)
    steps = max(1, -(-int(lengths.sum()) // (budget * processes)), -(-rows // (cap * processes)))
    steps = min(steps, rows // processes)
    filled, loads = _level(lengths, steps * processes, cap)
    while steps < rows // processes and any(
        load > budget and len(places) > 1 for places, load in zip(filled, loads, strict=True)
    ):
        steps += 1
        filled, loads = _level(lengths, steps * processes, cap)
    # the largest first: memory is at its peak at once, and the bins of one micro-step are of one size
    order = sorted(range(len(filled)), key=lambda place: (-loads[place], place))
    ready = [np.array(sorted(filled[place]), dtype=np.int64) for place in order]
    return [ready[at : at + processes] for at in range(0, len(ready), processes)]


def _level(lengths: np.ndarray, count: int, cap: int) -> tuple[list[list[int]], list[int]]:
    """Put each row, the longest first, where there is least; a bin with `cap` rows is closed."""
    filled: list[list[int]] = [[] for _ in range(count)]
    loads = [0] * count
    heap = [(0, place) for place in range(count)]
    for row in np.argsort(-lengths, kind="stable").tolist():
        load, place = heapq.heappop(heap)
        filled[place].append(row)
        loads[place] = load + int(lengths[row])
        if len(filled[place]) < cap:
            heapq.heappush(heap, (loads[place], place))
    return filled, loads
