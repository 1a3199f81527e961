"""What `easy` and `hard` share: thresholds on confidence and edit distance at a quantile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drdoctl.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from drdoctl.splits import PairTable

NAMED_ROWS = 5


def sides(table: PairTable, quantile: float, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each pair's confidence, and its edit distance, is at or above its quantile. Shapes (N,), bool.

    Raises `UserError` where a pair has no confidence: leaving it out in silence would make another split.
    """
    import numpy as np

    if not len(table.ids):
        empty = np.zeros(0, dtype=bool)
        return empty, empty
    missing = np.flatnonzero(np.isnan(table.confidence))
    if missing.size:
        named = ", ".join(f"`{table.ids[int(row)]}`" for row in missing[:NAMED_ROWS])
        more = f" and {missing.size - NAMED_ROWS:,} more" if missing.size > NAMED_ROWS else ""
        raise UserError(
            f"split `{split}` needs a confidence for every pair, and {missing.size:,} of {len(table.ids):,} have none: "
            f"{named}{more}",
            code="missing-confidence",
            hint="give the rows `confidence`, `score_chosen` and `score_rejected`, or `preference` "
            "(rename with `data.columns`), or use `data.split: all`",
        )
    return (
        table.confidence >= np.quantile(table.confidence, quantile),
        table.edit_distance >= np.quantile(table.edit_distance, quantile),
    )
