"""Training responses do not end with the end token: a student that learns from them never stops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from drdoctl.doctor.case import Case, Finding

KINDS = ("data",)
ROWS = 1000
"""Rows looked at, from the front of the training part: what renders rows renders them alike."""
WITHOUT = 0.01
"""Share of responses without an end token that is told."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault for each tokenizer whose responses lack their end."""
    path = case.folder / "train.parquet"
    if case.state != "done" or not path.is_file():
        return
    for who, told in (case.document("report.json").get("tokenizers") or {}).items():
        end = told.get("end_token_id")
        ids = _responses(path, who) if end is not None else []
        without = sum(not row or row[-1] != end for row in ids) / max(1, len(ids))
        if without <= WITHOUT:
            continue
        said = (
            f"{100 * without:.0f} % of the {who}'s training responses do not end with the end token "
            f"`{told.get('end_token')}` ({end})"
        )
        advice = "name the end token in the tokenizer's files (`eos_token`), and build the data again"
        values = {"without_end": without, "responses": len(ids), "end_token_id": end}
        yield Finding("fault", said, advice, (case.seen("train.parquet", values),))


def _responses(path: Path, who: str) -> list[list[int]]:
    """Return the token ids of responses at the front; [] of a damaged file, which `drdoctl verify` tells."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in (f"{who}_chosen", f"{who}_rejected") if name in file.schema_arrow.names]
            batch = next(file.iter_batches(ROWS, columns=names), None)
    except (ValueError, OSError):  # what pyarrow raises for a footer and for pages that are not whole
        return []
    return [row for name in names for row in (batch.column(name).to_pylist() if batch is not None else [])]
