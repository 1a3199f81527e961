"""Seeded chance from hashes alone: a row's lot depends on its own key and the seed, never on where it stands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


GOLDEN = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio: the step between splitmix64's states."""


def finalised(bits: np.ndarray) -> np.ndarray:
    """Return well-mixed 64 bits for each state, uint64 of any shape: splitmix64's finaliser."""
    import numpy as np

    with np.errstate(over="ignore"):
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: np.ndarray = bits ^ (bits >> np.uint64(31))
    return found


def mixed(keys: np.ndarray, seed: int, purpose: int) -> np.ndarray:
    """Return well-mixed 64 bits for each key, another series for each seed and purpose."""
    import numpy as np

    start = np.uint64((seed * GOLDEN + purpose * 0xD1B54A32D192ED03) % 2**64)
    with np.errstate(over="ignore"):
        return finalised(keys.astype(np.uint64) + start)


def first(lots: np.ndarray, among: np.ndarray, count: int) -> np.ndarray:
    """Return the `count` of `among` (indices into `lots`) with the smallest lots, ascending; all where there are fewer.

    Equal lots, which only equal keys have, go by their place.
    """
    import numpy as np

    ranks = np.argsort(lots[among], kind="stable")
    return np.sort(among[ranks[:count]])


def share(fraction: float, count: int) -> int:
    """Return `fraction` of `count`, rounded to the nearest whole number, halves up."""
    return math.floor(fraction * count + 0.5)
