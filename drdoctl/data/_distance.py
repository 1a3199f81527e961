"""Edit distances of many pairs of responses at once, on all cores and outside Python's lock."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence


def edit_distances(pairs: Sequence[Sequence[Sequence[int]]]) -> list[float | None]:
    """Return each pair's Levenshtein distance over tokens, divided by the longer one's length, 0 to 1.

    A pair is two lists of token ids that both close with the end token, which is left out; with fewer lists there is
    no distance. Table 5 of DRDO (appendix D) is about this figure.
    """
    import numpy as np
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cpdist

    found: list[float | None] = [None] * len(pairs)
    known = [at for at, responses in enumerate(pairs) if len(responses) == 2]
    if not known:
        return found
    sides = [[array("I", pairs[at][side][:-1]) for at in known] for side in (0, 1)]
    distances = cpdist(*sides, scorer=Levenshtein.normalized_distance, workers=cores(), dtype=np.float64)
    for at, distance in zip(known, distances, strict=True):
        found[at] = float(distance)
    return found


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
