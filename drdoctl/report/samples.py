"""Sampled responses as a report reads them: columns for the sums, whole rows for the few that are shown."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.words import TEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa


class Way:
    """The responses of one student to one way of sampling."""

    def __init__(self, table: pa.Table) -> None:
        """`table`: the rows of one way, in prompt order."""
        self._table = table
        self.ids: list[str] = table.column("id").to_pylist()

    @cached_property
    def places(self) -> dict[str, int]:
        """Prompt id -> its row."""
        return {name: row for row, name in enumerate(self.ids)}

    @property
    def temperature(self) -> float | None:
        """Of the samples; None for logged responses."""
        found: float | None = self._table.column("temperature")[0].as_py()
        return found

    @cached_property
    def divided(self) -> bool:
        """Whether prompts are divided into validation and test."""
        return "part" in self._table.column_names

    @cached_property
    def read(self) -> np.ndarray:
        """Return the rows whose figures are read, (R,): all, or those of test prompts."""
        import numpy as np

        if not self.divided:
            return np.arange(len(self.ids))
        return np.flatnonzero([part == TEST for part in self._table.column("part").to_pylist()])

    def numbers(self, column: str) -> np.ndarray | None:
        """Return a column as float64, (P,), NaN where it has none; None where there is no such column."""
        import numpy as np

        if column not in self._table.column_names:
            return None
        return np.asarray(self._table.column(column).to_numpy(), dtype=np.float64)

    @cached_property
    def texts(self) -> np.ndarray:
        """Return the responses, (P,), as objects."""
        import numpy as np

        return np.array(self._table.column("response").to_pylist(), dtype=object)

    def row(self, name: str) -> dict[str, Any]:
        """Return the whole row of a prompt."""
        found: dict[str, Any] = self._table.slice(self.places[name], 1).to_pylist()[0]
        return found


def read_samples(folder: Path) -> dict[str, Way]:
    """Return an evaluate artifact's responses by way of sampling; {} where nothing was sampled."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = folder / "samples.parquet"
    if not path.exists():
        return {}
    table = pq.read_table(path)
    names: Sequence[str] = table.column("sampling").unique().to_pylist()
    return {name: Way(table.filter(pc.equal(table.column("sampling"), name))) for name in names}
