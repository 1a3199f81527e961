"""Pairs without the number that a step goes by: an error that names them, or left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from drdoctl.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from drdoctl.splits import PairTable

NAMED_ROWS = 5
Missing = Literal["fail", "drop"]
REMEDIES = {
    "confidence": "give the rows `confidence`, `score_chosen` and `score_rejected`, or `preference`",
    "scores": "give the rows `score_chosen` and `score_rejected`",
}


def known_rows(table: PairTable, values: np.ndarray, what: str, split: str, missing_rows: Missing) -> np.ndarray:
    """Return the indices of the pairs whose value is known, ascending.

    Raises `UserError` where one is missing and `missing_rows` is not `drop`: leaving it out in silence would make
    another split. `what`: `confidence` or `scores`.
    """
    import numpy as np

    missing = np.flatnonzero(np.isnan(values))
    if missing.size and missing_rows != "drop":
        named = ", ".join(f"`{table.ids[int(row)]}`" for row in missing[:NAMED_ROWS])
        more = f" and {missing.size - NAMED_ROWS:,} more" if missing.size > NAMED_ROWS else ""
        needed = "a confidence" if what == "confidence" else what
        raise UserError(
            f"split `{split}` needs {needed} for every pair, and {missing.size:,} of {len(values):,} have none: "
            f"{named}{more}",
            code=f"missing-{what}",
            hint=f"{REMEDIES[what]} (rename with `data.columns`); or leave them out with "
            f"`data.split: {{name: {split}, missing: drop}}`",
        )
    return np.flatnonzero(~np.isnan(values))
