"""What sources of records share: local files or a Hub dataset, a converter, and places for messages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, PrivateAttr

from drdoctl.core.files import kind_at
from drdoctl.data import BadRow, Dataset, PartName, Row
from drdoctl.data._files import Record, part_files, records
from drdoctl.data._hub import hub_records
from drdoctl.data._records import COLUMNS, Bad, mapping, pair

MOST_UNREAD = 20
"""Names that are counted of fields that nothing reads: a file may have a new one in every row."""


class FileSource(Dataset):
    """A source whose pairs lie in local files, one part for training and perhaps one for evaluation."""

    _base: Path = PrivateAttr(default=Path())
    _unread: dict[str, int] = PrivateAttr(default_factory=dict)

    def at(self, base: Path) -> Self:
        """Return the same source with relative paths taken from `base`."""
        other = self.model_copy()
        other._base = base  # noqa: SLF001  # a copy of this very class
        return other

    def paths(self) -> tuple[str | None, str | None]:
        """Return the paths of the training and the evaluation part, as the spec writes them."""
        raise TypeError(f"dataset {self.name} has no paths")

    def files(self) -> list[str]:
        """Return the files of both parts. Raises UserError where one is not there."""
        return [*self._files("train"), *self._files("eval")]

    def _files(self, part: str) -> list[str]:
        train, evaluation = self.paths()
        if part == "eval" and evaluation is not None:
            return part_files(self._base, evaluation, "train" if kind_at(self._base / evaluation) == "file" else "eval")
        return part_files(self._base, train, part) if train is not None and part in ("train", "eval") else []

    def has_part(self, part: PartName) -> bool:
        """Whether files of this part are named, or found in the folder that is named."""
        train, evaluation = self.paths()
        if part == "eval" and evaluation is None:
            return train is not None and kind_at(self._base / train) == "folder" and bool(self._files("eval"))
        return part == "eval" or part in self.parts

    def records(self, part: PartName) -> Iterator[Record]:
        """Yield the records of a part, file after file."""
        for name in self._files(part):
            yield from records(self._base, name)

    def read(self, part: PartName, columns: dict[str, str]) -> Iterator[Row | BadRow]:
        """Yield the rows of one part in file order."""
        many = len(self._files(part)) > 1
        self._unread = {}
        used = {columns.get(name, name) for name in COLUMNS}
        for record in self.records(part):
            if self.columns_apply and isinstance(record.data, Mapping):
                self._count_unread(record.data.keys() - used)
            label = f"{part}-{Path(record.file).name}-{record.line}" if many else f"{part}-{record.line}"
            yield from self.rows(record, part, label, columns)

    def _count_unread(self, names: Collection[str]) -> None:
        for name in sorted(names):
            shown = ascii(name)[1:-1][:60]
            if shown in self._unread or len(self._unread) < MOST_UNREAD:
                self._unread[shown] = self._unread.get(shown, 0) + 1

    def unread_fields(self) -> dict[str, int]:
        """Return fields that nothing reads, of the part read last: of files whose columns a spec names."""
        return dict(self._unread)

    def rows(self, record: Record, part: PartName, label: str, columns: dict[str, str]) -> Iterator[Row | BadRow]:
        """Yield what one record gives: mostly one row, none where it belongs to another part."""
        try:
            if isinstance(record.data, Bad):
                raise record.data
            row = self.convert(mapping(record.data), part, label, record.where, columns)
            if row is not None:
                yield row
        except Bad as bad:
            yield BadRow(bad.code, bad.message, record.where, bad.hint)

    def convert(
        self,
        record: Mapping[str, Any],
        part: PartName,
        label: str,
        where: str,
        columns: Mapping[str, str],
    ) -> Row | None:
        """Return a record's row, None where it belongs to another part. Raises `Bad`.

        `label` is the id of a row that has none. This one reads our own columns, renamed by `columns`.
        """
        return pair(record, label, where, columns)


class Adapter(FileSource):
    """A known dataset: read from the Hub, or from local copies of its files."""

    path: str | None = Field(default=None, min_length=1)
    """A local file or folder of the dataset, in place of the Hub."""
    eval_path: str | None = Field(default=None, min_length=1)
    """A local file or folder with the evaluation part."""
    revision: str | None = Field(default=None, min_length=1)
    """The Hub commit, tag or branch; a 40-digit commit makes the plan exact."""

    hub_id: ClassVar[str] = ""
    hub_config: ClassVar[str | None] = None
    hub_revision: ClassVar[str | None] = None
    """The branch that is read where the spec names none."""
    hub_splits: ClassVar[dict[str, str]] = {"train": "train", "eval": "test"}

    def paths(self) -> tuple[str | None, str | None]:
        """Return `path` and `eval_path`."""
        return self.path, self.eval_path

    def hub_dataset(self) -> tuple[str, str | None] | None:
        """Return the Hub's dataset and revision, unless `path` stands in for it."""
        return None if self.path else (self.hub_id, self.revision or self.hub_revision)

    def has_part(self, part: PartName) -> bool:
        """Whether the Hub or the files named have this part."""
        return part in self.hub_splits if self.path is None else super().has_part(part)

    def records(self, part: PartName) -> Iterator[Record]:
        """Yield the records of a part, from the files named or the Hub."""
        if self.path is None and not (part == "eval" and self.eval_path):
            split = self.hub_splits.get(part)
            if split is not None:
                revision = self.revision or self.hub_revision
                yield from hub_records(self.hub_id, revision, self.hub_config, split)
            return
        yield from super().records(part)
