"""The folder where a pull gathers its files: for one process at a time, cleared of litter, renamed when whole."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drdoctl.core.files import disk_errors, fsync_dir
from drdoctl.store.folder import remove


@contextmanager
def alone(staging: Path, lock: Path | None = None) -> Iterator[None]:
    """Let one process at a time pull an artifact into a store. `lock`: of the artifact; else the folder's own."""
    with locked(lock or staging.with_name(f"{staging.name}.lock")):
        with disk_errors(staging):
            staging.mkdir(exist_ok=True)
        yield


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Hold a lock file, which goes when it is let go; the lock itself goes with its process."""
    while True:
        with disk_errors(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = lock.open("w", encoding="ascii")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is(file.fileno(), lock):
                continue  # whoever held it before has cleared it away
            try:
                yield
            finally:
                lock.unlink()
            return


def _is(handle: int, path: Path) -> bool:
    """Whether an open file is still the one of that name; another process may take the name away at any moment."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def keep_only(folder: Path, names: set[str]) -> None:
    """Clear what a killed pull left behind, but for whole files."""
    for path in folder.iterdir():
        if path.name not in names or path.is_symlink() or path.is_dir():
            remove(path)


def into_place(staging: Path, final: Path) -> None:
    """Rename a whole folder to its final name. Callers made sure that nothing whole lies there."""
    with disk_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.is_dir():
            shutil.rmtree(final)
        staging.replace(final)
        fsync_dir(final.parent)
