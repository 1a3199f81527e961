"""Purposes of seeded draws: each step that draws has lots of its own, and another `draw` is another series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drdoctl.core.chance import mixed

if TYPE_CHECKING:
    import numpy as np

    from drdoctl.splits import PairTable

NOISE, LENGTH_BIAS, SAMPLE = 3, 4, 5
"""1 and 2 are `drdoctl/data/_choose.py`'s."""
DRAWS = 16


def lots(table: PairTable, seed: int, purpose: int, draw: int) -> np.ndarray:
    """Return a lot for each pair, shape (N,): it depends on the pair's id, the seed and the draw alone."""
    return mixed(table.column("keys"), seed, purpose + DRAWS * draw)
