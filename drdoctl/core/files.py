"""Files that are whole or absent: write beside, fsync, rename."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drdoctl.core.errors import StageFailed
from drdoctl.core.fingerprint import file_sha256

WORK_FILES = (
    "checkpoints",
    "work",
    "beats",
    "usage",
    "job.json",
    "progress.json",
    "stop",
    "stopped",
    "failure.json",
    "log.txt",
)
"""What lies in a stage's `.partial` folder beside the result; everything else is hashed into the manifest."""


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into an error that names the path and the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        raise StageFailed(
            f"cannot write `{path}`: {error.strerror}",
            code="disk",
            hint=f"make room or mend the permissions of `{path.parent}`, then run the same command again",
        ) from error


def fsync_dir(path: Path) -> None:
    """Make a rename inside `path` durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def seal(path: Path) -> dict[str, Any]:
    """Make a file durable and return its facts for a manifest: sha256 and size."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    fsync_dir(path.parent)
    return {"sha256": file_sha256(path), "size": path.stat().st_size}


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file so that a reader, or a crash, sees the old bytes or the new ones and nothing between."""
    payload = data.encode() if isinstance(data, str) else data
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        fsync_dir(path.parent)


def write_via(path: Path, writer: Callable[[Path], None]) -> None:
    """Like `write_atomic`, for libraries that want to write a path themselves (Parquet, safetensors)."""
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            writer(beside)
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        fsync_dir(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write JSON (two-space indent, sorted keys, final newline) atomically."""
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any | None:
    """Return the file's JSON, or None where the file is absent or not whole."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def kind_at(path: Path) -> str | None:
    """Return `file`, `folder` or `other`; None where nothing is, or where the name is none that a disk can hold."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            return None
        raise
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"


def expand(name: str) -> Path:
    """Return the path with `~` followed; a home that nobody has stays as it is written."""
    return Path(os.path.expanduser(name))  # noqa: PTH111  # Path.expanduser raises for an unknown home
