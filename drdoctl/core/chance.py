"""Seeded chance from hashes alone: a row's lot depends on its own key and the seed, never on where it stands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def mixed(keys: np.ndarray, seed: int, purpose: int) -> np.ndarray:
    """Return well-mixed 64 bits for each key (splitmix64's finaliser), another series for each seed and purpose."""
    import numpy as np

    start = np.uint64((seed * 0x9E3779B97F4A7C15 + purpose * 0xD1B54A32D192ED03) % 2**64)
    with np.errstate(over="ignore"):
        bits = keys.astype(np.uint64) + start
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


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
