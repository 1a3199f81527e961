"""Which rows go where: held-out prompts, no prompt on both sides, and seeded draws, all from hashes alone.

A row's side and rank depend on its own prompt or id and the seed, never on its neighbours or on a library's streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drdoctl.core.chance import first, mixed

if TYPE_CHECKING:
    import numpy as np

HELD_OUT = 1
ROWS = 2
JUDGES = 15
"""Purposes of `mixed`; those of splits are in `drdoctl/splits/_draw.py`."""


def held_out(prompts: np.ndarray, fraction: float, seed: int, purpose: int = HELD_OUT) -> np.ndarray:
    """Return which rows are held out, for evaluation or for judges. Shape (N,), bool; rows of one prompt share a side.

    About `fraction` of the prompts. With two prompts or more, there is at least one on each side.
    """
    import numpy as np

    bits = mixed(prompts, seed, purpose)
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
    places = first(mixed(idents[rows], seed, ROWS), np.arange(len(rows)), most)
    return np.asarray(rows[places])


def first_of_each(keys: np.ndarray, rows: np.ndarray, better: np.ndarray) -> np.ndarray:
    """Return the first row of each key, ascending; rows marked in `better` (shape as `keys`) go before others."""
    import numpy as np

    if not len(rows):
        return rows
    order = np.lexsort((rows, ~better[rows]))
    _, at = np.unique(keys[rows[order]], return_index=True)
    return np.sort(rows[order[at]])
