"""The content of files: sha256, size and rows, remembered so that an unchanged file is read once.

What is remembered is keyed by path, size, inode and both times, and is only an opinion: a cache that cannot be
read or written changes how long a plan takes, never what it says.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from drdoctl.core.errors import StageFailed
from drdoctl.core.files import expand, read_json, write_json
from drdoctl.spec.vocabulary import words_of

CHUNK = 4 << 20
SETTLED_SECONDS = 2.0
"""A file changed more recently may change again within one tick of the clock: its hash is not remembered."""
FORMAT = 2
LARGE = 64 << 20
"""Where there is no store yet, files of this many bytes are remembered for the user; hashing others takes no time."""


@dataclass(frozen=True)
class FileFacts:
    """What stands for a file in a plan."""

    sha256: str
    size: int
    """Bytes."""
    rows: int | None = None
    """Lines of a `.jsonl`, rows of a Parquet file, tokens of a `tokenizer.json` (added ones left out); else None."""


class Hashes:
    """Hashes of local files, remembered in `<store>/cache/hashes.json`, or in the user's cache before there is one."""

    def __init__(self, store_root: Path | None) -> None:
        """`store_root`: need not be there; then only `LARGE` files are remembered, and for None nothing is."""
        in_store = store_root is not None and store_root.is_dir()
        home = None if store_root is None else store_root / "cache" if in_store else _user_cache()
        self._path = home / "hashes.json" if home is not None else None
        self._least = 0 if in_store else LARGE
        self._known = _read(self._path)
        # the first apply goes on from the plan that was looked at before its store was there
        self._before = _read(_user_cache() / "hashes.json") if in_store else {}
        self._changed = False

    def file(self, path: Path) -> FileFacts:
        """Return the facts of a regular file. Raises OSError where it cannot be read, or is no regular file."""
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise OSError(0, "not a regular file", str(path))
        key = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
        name = os.path.abspath(path)  # noqa: PTH100  # links stay links
        for known in (self._known.get(name), self._before.get(name)):
            if isinstance(known, dict) and known.get("key") == key and isinstance(known.get("sha256"), str):
                return FileFacts(known["sha256"], state.st_size, known.get("rows"))
        found = _read_through(path)
        settled = time.time() - max(state.st_mtime, state.st_ctime) > SETTLED_SECONDS
        if settled and found.size >= self._least:
            self._known[name] = {"key": key, "sha256": found.sha256, "rows": found.rows}
            self._changed = True
        return found

    def save(self) -> None:
        """Write what is new, as far as the disk lets us."""
        if self._path is None or not self._changed:
            return
        with suppress(OSError, StageFailed):
            write_json(self._path, {"format": FORMAT, "files": self._known})
        self._changed = False


def _user_cache() -> Path:
    return expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "drdoctl"


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    with suppress(OSError, RecursionError):
        found = read_json(path)
        if isinstance(found, dict) and found.get("format") == FORMAT and isinstance(found.get("files"), dict):
            return dict(found["files"])
    return {}


def _read_through(path: Path) -> FileFacts:
    sha, size, lines, last = sha256(), 0, 0, b"\n"
    counts = path.suffix == ".jsonl"
    with path.open("rb", buffering=0) as file:
        while block := file.read(CHUNK):
            sha.update(block)
            size += len(block)
            if counts:
                lines += block.count(b"\n")
                last = block[-1:]
    rows = lines + (last != b"\n") if counts else _rows(path)
    return FileFacts(sha.hexdigest(), size, rows)


def _rows(path: Path) -> int | None:
    if path.name == "tokenizer.json":
        return words_of(path)
    return _parquet_rows(path) if path.suffix == ".parquet" else None


def _parquet_rows(path: Path) -> int | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.ParquetFile(path).metadata.num_rows)
    except (pa.ArrowException, OSError):
        return None  # the data stage reads the file, and says what is wrong with it
