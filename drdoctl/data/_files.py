"""Local files of records: JSON lines, JSON arrays and Parquet, gzipped or not, read a record at a time.

Memory is bounded by `LINE_BYTES`, whatever a file holds: a longer line is read past, never into memory.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from drdoctl.core.errors import UserError, Where
from drdoctl.core.files import kind_at
from drdoctl.data._json import BLOCK, elements, parse_json
from drdoctl.data._records import Bad

LINE_BYTES = 32 << 20
"""The longest line, or array element, that is read."""
PARQUET_ROWS = 256
SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".json.gz", ".parquet")
GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""Byte-order marks of UTF-16; UTF-32's begins with one of them, or with NUL."""
EVAL_WORDS = ("eval", "test", "valid", "dev")


@dataclass(frozen=True)
class Record:
    """One record of a file: the file as the spec writes it, a 1-based line or row, and what it holds."""

    file: str
    line: int
    data: Any
    """What JSON or Parquet gave (a mapping, where all is well), or the `Bad` that says why it could not be read."""

    @property
    def where(self) -> str:
        """Return `file:line`."""
        return f"{self.file}:{self.line}"


def part_files(base: Path, name: str, part: str) -> list[str]:
    """Return the files of a part below `name` (a file, or a folder), named as the spec names them, sorted.

    A file is the training part. In a folder, names that start with eval, test, valid or dev are the evaluation
    part, and names with `prefs` go before others (`train_prefs…` beside `train_sft…`). Raises UserError where
    there is nothing, or no regular file.
    """
    path = base / name
    there = kind_at(path)
    if there == "file":
        return [name] if part == "train" else []
    if there != "folder":
        hint = "mend the path under `data.source`; it is taken relative to the spec's folder"
        raise UserError(
            f"there is no file or folder `{name}`" if there is None else f"`{name}` is no regular file",
            code="no-such-file",
            where=Where(str(path)),
            hint=hint if there is None else "write the rows into a file and name that: they are read more than once",
        )
    found = [file for file in visible_files(path) if file.name.endswith(SUFFIXES)]
    wanted = [file for file in found if file.name.startswith(EVAL_WORDS) == (part == "eval")]
    wanted = [file for file in wanted if "prefs" in file.name] or wanted
    if part == "train" and not wanted:
        raise UserError(
            f"folder `{name}` holds no training file ({', '.join(SUFFIXES)})",
            code="no-such-file",
            where=Where(str(path)),
            hint="name the file itself; files called eval, test, valid or dev are taken for the evaluation part",
        )
    return [str(Path(name) / file.relative_to(path)) for file in wanted]


def visible_files(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted, without what is hidden: stores and notebooks keep copies there."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name) for name in files if not name.startswith(".")]
    return sorted(file for file in found if file.is_file())


def records(base: Path, name: str) -> Iterator[Record]:
    """Yield the records of one file. Raises UserError where it cannot be opened or breaks off."""
    path = base / name
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == PARQUET_MAGIC:
            yield from _parquet(path, name)
            return
        with _opened(path, magic) as file:
            _refuse_wide(path, name, file)
            if not _starts_array(file):
                yield from _lines(file, name)
                return
            for line, value in elements(file, LINE_BYTES):
                yield Record(name, line, value)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"cannot read `{name}`: {reason[:1].lower()}{reason[1:]}",
            code="no-such-file" if isinstance(error, FileNotFoundError) else "unreadable-file",
            where=Where(str(path)),
            hint="give the right path" if isinstance(error, FileNotFoundError) else "fetch or write the file again",
        ) from error


def _opened(path: Path, magic: bytes) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if magic.startswith(GZIP_MAGIC) else path.open("rb")


def _refuse_wide(path: Path, name: str, file: IO[bytes]) -> None:
    """Raise UserError where the first bytes are those of UTF-16 or UTF-32. Leaves the file at its start."""
    head = file.read(4)
    file.seek(0)
    if not head.startswith(WIDE_MARKS) and b"\0" not in (head[:1], head[1:2]):
        return
    raise UserError(
        f"`{name}` is not UTF-8 text: it begins as UTF-16 or UTF-32 does",
        code="encoding",
        where=Where(str(path)),
        hint=f"save it as UTF-8, for instance with `iconv -f UTF-16 -t UTF-8 {name}`",
    )


def _starts_array(file: IO[bytes]) -> bool:
    """Whether the first thing in the file is `[`. Leaves the file at its start."""
    head = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return head.startswith(b"[")


def _lines(file: IO[bytes], name: str) -> Iterator[Record]:
    number = 0
    while line := file.readline(LINE_BYTES + 1):
        number += 1
        if len(line) > LINE_BYTES:
            size = len(line) + _skip_line(file, line)
            yield Record(name, number, _too_long(size))
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield Record(name, number, _parsed(line))


def _skip_line(file: IO[bytes], line: bytes) -> int:
    size = 0
    while not line.endswith(b"\n") and (line := file.readline(BLOCK)):
        size += len(line)
    return size


def _too_long(size: int) -> Bad:
    return Bad("line-too-long", f"a line of {size / 1e6:,.0f} MB; at most {LINE_BYTES >> 20} MiB are read")


def _parsed(line: bytes) -> Any:
    try:
        return parse_json(line.decode())
    except UnicodeDecodeError as error:
        return Bad("utf-8", f"byte {error.start + 1} of the line is not valid UTF-8", "save the file as UTF-8")
    except Bad as bad:
        return bad


def _parquet(path: Path, name: str) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = 0
    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=PARQUET_ROWS):
            for index in range(batch.num_rows):
                row += 1
                yield Record(name, row, _parquet_row(batch, index))
    except (pa.ArrowException, UnicodeDecodeError) as error:  # the latter of columns' names
        raise UserError(
            f"cannot read `{name}`: {str(error).splitlines()[0]}",
            code="unreadable-file",
            where=Where(str(path)),
            hint="fetch or write the file again",
        ) from error


def _parquet_row(batch: Any, index: int) -> Any:
    try:
        return {column: batch.column(column)[index].as_py() for column in batch.schema.names}
    except UnicodeDecodeError:
        return Bad("utf-8", "a text of the row is not valid UTF-8", "write the file again as UTF-8")
