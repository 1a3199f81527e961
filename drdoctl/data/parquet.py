"""`{parquet: FILE}`: pairs in Parquet files."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from drdoctl.data._source import FileSource


class ParquetSource(FileSource):
    """Pairs in a Parquet file: `prompt`, `chosen`, `rejected`, and what else is known of them."""

    name: Literal["parquet"] = "parquet"
    parquet: str = Field(min_length=1)
    """The training pairs: a `.parquet` file, or a folder of them, but hidden ones."""
    eval: str | None = Field(default=None, min_length=1)
    """The evaluation pairs; without it, `data.eval_fraction` of the prompts is held out."""

    key: ClassVar[str | None] = "parquet"
    paper: ClassVar[str] = "Your own pairs"
    columns_apply: ClassVar[bool] = True

    def paths(self) -> tuple[str | None, str | None]:
        """Return the training and the evaluation file."""
        return self.parquet, self.eval
