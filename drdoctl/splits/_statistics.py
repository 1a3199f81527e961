"""What a set of pairs is like, as in Table 5 of DRDO: rows, confidence, edit distance, and how lengths lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from drdoctl.splits import PairTable

LONGER_BY = 0.1
"""A response is longer where it has at least this share more tokens (Fisch et al., section 5)."""
ROUNDING = 1e-9
"""11 tokens are 10 % more than 10, whatever 0.1 is in binary."""


def length_ratio(table: PairTable) -> np.ndarray:
    """Return the longer response's tokens over the shorter one's, at least 1. Shape (N,)."""
    import numpy as np

    longer = np.maximum(table.chosen_tokens, table.rejected_tokens)
    return np.asarray(longer / np.maximum(1, np.minimum(table.chosen_tokens, table.rejected_tokens)))


def longer_chosen(chosen: np.ndarray, rejected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the chosen response is the longer one, and where it is the shorter one. Shapes (N,), bool.

    Both are false for pairs of like length.
    """
    import numpy as np

    shorter = np.maximum(1, np.minimum(chosen, rejected))
    unlike = np.abs(chosen.astype(np.int64) - rejected) / shorter >= LONGER_BY - ROUNDING
    return unlike & (chosen > rejected), unlike & (chosen < rejected)


def statistics(table: PairTable, flipped: np.ndarray) -> dict[str, Any]:
    """Return one row of the table: counts, means and medians (null where nothing is known), shares from 0 to 1.

    `longer_chosen` is the share of pairs that prefer the longer response, among those of unlike length, which are
    `unlike_lengths` of all. `flipped`: which labels are not the source's, shape (N,).
    """
    import numpy as np

    longer, shorter = longer_chosen(table.chosen_tokens, table.rejected_tokens)
    unlike = int(longer.sum() + shorter.sum())
    found: dict[str, Any] = {"rows": len(table)}
    for name, values in (
        ("confidence", table.confidence),
        ("edit_distance", table.edit_distance),
        ("length_ratio", length_ratio(table)),
    ):
        known = values[~np.isnan(values)]
        found[f"mean_{name}"] = round(float(known.mean()), 6) if known.size else None
        found[f"median_{name}"] = round(float(np.median(known)), 6) if known.size else None
    found["unlike_lengths"] = round(unlike / len(table), 6) if len(table) else None
    found["longer_chosen"] = round(float(longer.sum()) / unlike, 6) if unlike else None
    return {**found, "flipped": int(flipped.sum())}
