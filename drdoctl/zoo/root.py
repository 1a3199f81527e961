"""A folder, or a place behind any URL that fsspec opens: files written whole, pointers made exclusively, hashes.

Calls that leave this machine have deadlines (`calls`), and what a store far away throws becomes a ZooError.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Callable
from glob import escape
from pathlib import Path
from typing import TypeVar

from drdoctl.core.errors import DrdoError, UserError, ZooError
from drdoctl.core.files import disk_errors, fsync_dir, sync
from drdoctl.zoo.calls import TIMEOUT, Deadline, allowed, within

T = TypeVar("T")
MISSING = (FileNotFoundError, NotADirectoryError)
PIECE = 4 << 20
DAY = 86400.0
NEAR = ("file", "local", "memory")
BUCKETS = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory")
"""Stores without folders. To make one there would make a bucket, such as one whose name was mistyped."""


class Root:
    """Paths are relative to the location, with `/` between their parts."""

    def __init__(self, location: str) -> None:
        """Open the folder or URL; nothing is created. Raises UserError where no package opens such a URL."""
        import fsspec

        self.location = location
        try:
            # Somebody else may write there at any time: no listing is remembered.
            self.fs, self.path = fsspec.core.url_to_fs(location, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise UserError(
                f"the zoo `{location}` cannot be opened: {error}",
                code="zoo",
                hint="use a folder, `hub:ORG`, or a URL whose fsspec package is installed "
                "(s3:// needs `pip install 'drdoctl[s3]'`)",
            ) from error
        protocols = {self.fs.protocol} if isinstance(self.fs.protocol, str) else set(self.fs.protocol)
        self.local = "file" in protocols
        self.far = not protocols & set(NEAR)
        self.folders = not protocols & set(BUCKETS)

    # reading

    def glob(self, pattern: str) -> list[str]:
        """Return the paths that match, relative as all paths here are, sorted."""
        full = f"{escape(self.path)}/{pattern}"  # the location may hold `[` or `*` of its own
        found = self._reach(lambda: self.fs.glob(full))
        return sorted(path[len(self.path) :].lstrip("/") for path in found)

    def read(self, path: str) -> bytes | None:
        """Return a small file's content, or None where there is none."""
        try:
            data: bytes = self._reach(lambda: self.fs.cat_file(self._full(path)))
        except MISSING:
            return None
        return data

    def size(self, path: str) -> int | None:
        """Return a file's bytes, or None where there is none."""
        try:
            return int(self._reach(lambda: self.fs.info(self._full(path))["size"]))
        except MISSING:
            return None

    def sha256(self, path: str, size: int) -> str:
        """Return the hash of a file of `size` bytes, read from where it lies."""

        def call() -> str:
            made = hashlib.sha256()
            with self.fs.open(self._full(path), "rb") as file:
                while piece := file.read(PIECE):
                    made.update(piece)
            return made.hexdigest()

        return self._reach(call, size)

    def fetch(self, path: str, target: Path, size: int) -> None:
        """Copy a file of `size` bytes to `target`. Raises FileNotFoundError."""

        def call() -> None:
            with disk_errors(target):
                self.fs.get_file(self._full(path), str(target))

        self._reach(call, size)

    # writing

    def put(self, path: str, data: bytes) -> None:
        """Write a small file, whole or not at all, over what was there."""
        self._reach(lambda: self._write(path, lambda beside: self.fs.pipe_file(beside, data)), passes=())

    def put_file(self, path: str, source: Path, size: int) -> None:
        """Write a copy of a file of `size` bytes, whole or not at all, over what was there."""
        self._reach(lambda: self._write(path, lambda beside: self.fs.put_file(str(source), beside)), size, passes=())

    def create(self, path: str, data: bytes) -> None:
        """Write a small file that must not be there; of several writers one wins, the others get FileExistsError."""
        full = self._full(path)

        def near() -> None:
            beside = f"{full}.{secrets.token_hex(4)}.tmp"
            try:
                self.fs.pipe_file(beside, data)
                sync(Path(beside))
                os.link(beside, full)  # exclusive, and whole from the first moment
                fsync_dir(Path(full).parent)
            finally:
                Path(beside).unlink(missing_ok=True)

        def call() -> None:
            self._make_folder(full)
            if self.local:
                near()
            else:
                self.fs.pipe_file(full, data, mode="create")

        self._reach(call, passes=(FileExistsError,))

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(*MISSING):
            self._reach(lambda: self.fs.rm_file(self._full(path)))

    def _write(self, path: str, writer: Callable[[str], None]) -> None:
        """Object stores write whole files or none by themselves; a disk needs the rename."""
        full = self._full(path)
        if not self.local:
            self._make_folder(full)
            writer(full)
            return
        with disk_errors(Path(full)):
            self._make_folder(full)
            self._sweep(full)
            beside = f"{full}.{secrets.token_hex(4)}.tmp"
            try:
                writer(beside)
                sync(Path(beside))
                os.replace(beside, full)  # noqa: PTH105  # a path of fsspec's, not of pathlib's
                fsync_dir(Path(full).parent)
            finally:
                Path(beside).unlink(missing_ok=True)

    def _sweep(self, full: str) -> None:
        """Remove what killed writers left beside a file, once it is so old that nobody can be at it."""
        for path in Path(full).parent.glob(f"{escape(Path(full).name)}.*.tmp"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - DAY:
                    path.unlink()

    def _make_folder(self, full: str) -> None:
        if self.folders:
            self.fs.makedirs(full.rsplit("/", 1)[0], exist_ok=True)

    def _full(self, path: str) -> str:
        return f"{self.path}/{path}"

    def _reach(self, call: Callable[[], T], size: int = 0, *, passes: tuple[type[OSError], ...] = MISSING) -> T:
        """Return what `call` returns. What a store throws becomes an error to act on, but for what `passes`."""
        try:
            return within(allowed(size), call) if self.far else call()
        except Exception as error:  # stores far away raise from libraries of their own
            if isinstance(error, (*passes, DrdoError)) or not (self.far or isinstance(error, OSError)):
                raise
            slow = f" ({TIMEOUT}=SECONDS gives slow servers more time)" if isinstance(error, Deadline) else ""
            raise ZooError(
                f"the zoo `{self.location}` cannot be reached: {type(error).__name__}: {error}",
                code="zoo-unreachable",
                hint=f"look at the address, the permissions and the network, then run the same command again{slow}",
            ) from error
