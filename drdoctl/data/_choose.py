"""Which rows go where: held-out prompts, no prompt on both sides, and seeded draws, all from hashes alone.

A row's side and rank depend on its own prompt or id and the seed, never on its neighbours or on a library's streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

HELD_OUT = 1
ROWS = 2


def mixed(keys: np.ndarray, seed: int, purpose: int) -> np.ndarray:
    """Return well-mixed 64 bits for each key (splitmix64's finaliser), another series for each seed and purpose."""
    import numpy as np

    start = np.uint64((seed * 0x9E3779B97F4A7C15 + purpose * 0xD1B54A32D192ED03) % 2**64)
    with np.errstate(over="ignore"):
        bits = keys.astype(np.uint64) + start
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def held_out(prompts: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Return which rows are held out for evaluation. Shape (N,), bool; rows of one prompt share a side.

    About `fraction` of the prompts. With two prompts or more, there is at least one on each side.
    """
    import numpy as np

    bits = mixed(prompts, seed, HELD_OUT)
    out = bits < np.uint64(min(int(fraction * 2**64), 2**64 - 1))
    if len(np.unique(prompts)) > 1 and not out.any():
        out = bits == bits.min()
    if out.size and out.all():
        out = bits != bits.max() if len(np.unique(prompts)) > 1 else np.zeros_like(out)
    return out


def drawn(idents: np.ndarray, rows: np.ndarray, most: int | None, seed: int) -> np.ndarray:
    """Return at most `most` of `rows` (indices), drawn with the seed, ascending."""
    import numpy as np

    if most is None or len(rows) <= most:
        return rows
    ranks = np.argsort(mixed(idents[rows], seed, ROWS), kind="stable")
    return np.sort(rows[ranks[:most]])


def first_of_each(keys: np.ndarray, rows: np.ndarray, better: np.ndarray) -> np.ndarray:
    """Return the first row of each key, ascending; rows marked in `better` (shape as `keys`) go before others."""
    import numpy as np

    if not len(rows):
        return rows
    order = np.lexsort((rows, ~better[rows]))
    _, at = np.unique(keys[rows[order]], return_index=True)
    return np.sort(rows[order[at]])
