"""Files that are whole or absent: write beside, fsync, rename."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import Any

from drdoctl.core.errors import DrdoError, Fault, StageFailed, UserError
from drdoctl.core.fingerprint import file_sha256

MIB = 1 << 20
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


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DISK = (*FULL, errno.EIO, errno.ESTALE, errno.EROFS, errno.EACCES, errno.EPERM)
"""What a disk does of itself, or does not let us do."""
TORN = ("PytorchStreamWriter failed", "unexpected pos", "basic_ios::clear: iostream error", "error closing file")
"""How torch and pyarrow say that a file took no more bytes, without saying why: the disk is full, or it is broken."""
LEAST_BYTES = 1 << 16
"""A disk with less room than that is as good as full."""


@contextmanager
def disk_errors(path: Path, needs: Callable[[], int] | None = None) -> Iterator[None]:
    """Turn a full, broken or read-only disk into an error that names the path and the remedy.

    `needs`: how many bytes are to be written, about; asked only where they could not be.
    """
    free = None if needs is None else free_bytes(path)
    try:
        yield
    except Exception as error:
        fault = disk_fault(error, path)
        if fault is None:
            raise
        if needs is not None and free is not None and _disk_number(error, path) in FULL:
            room = f"about {needs() / MIB:,.1f} MiB were needed, and {free / MIB:,.1f} MiB were free"
            fault = replace(fault, message=f"{fault.message} ({room})")
        raise StageFailed([fault]) from error


def disk_fault(error: BaseException, path: Path) -> Fault | None:
    """Return the fault where the disk below `path` is to blame for an error; None where it is not.

    torch and safetensors write by themselves, and say in a text only what an OSError has as a number.
    """
    number = _disk_number(error, path)
    if number is None:
        return None
    remedy = "look after the disk" if number in (errno.EIO, errno.ESTALE) else "mend the permissions"
    remedy = "make room on the disk" if number in FULL else remedy
    message = f"cannot write `{path}`: {os.strerror(number)}"
    return Fault("disk", message, hint=f"{remedy} of `{path.parent}`, then run the same command again")


def full_disk(path: Path, *, known: bool = False) -> Fault | None:
    """Return the fault where the disk of `path` has no room left, or is `known` to have had none; else None."""
    return disk_fault(OSError(errno.ENOSPC, ""), path) if known or _is_full(path) else None


def _is_full(path: Path) -> bool:
    free = free_bytes(path)
    return free is not None and free < LEAST_BYTES


def _disk_number(error: BaseException, path: Path) -> int | None:
    """Return the number of the disk's error that an exception is, or tells of."""
    if isinstance(error, DrdoError):
        return None
    if isinstance(error, OSError) and error.errno is not None:  # pyarrow's may have none
        return error.errno if error.errno in DISK else None
    text = str(error)
    told = [number for number in (*FULL, errno.EIO) if os.strerror(number) in text]
    if not told and any(words in text for words in TORN):
        return errno.ENOSPC if _is_full(path) else errno.EIO
    return told[0] if told else None


def free_bytes(path: Path) -> int | None:
    """Return the room on the disk that a path lies on, or would; None where nobody tells."""
    for place in (path, *path.parents):
        with suppress(OSError):
            return shutil.disk_usage(place).free
    return None


def fsync_dir(path: Path) -> None:
    """Make a rename inside `path` durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync(path: Path) -> None:
    """Make what was written to a file durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def seal(path: Path) -> dict[str, Any]:
    """Make a file durable and return its facts for a manifest: sha256 and size."""
    sync(path)
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
            sync(beside)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        fsync_dir(path.parent)


@contextmanager
def new_folder(folder: Path, where: str) -> Iterator[Path]:
    """Give a folder to fill, which becomes `folder` when all went well, and is gone when not.

    What a killed one left goes first. Raises UserError where something lies there already, or where no folder can be.
    `where`: how a user says where it goes, such as `--to DIR`.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"`{folder}` is there and holds something else",
            code="folder-not-empty",
            hint=f"name a folder that is empty or not there: `{where}`",
        )
    folder = folder.resolve()  # where a link leads
    _refuse_place(folder, where)
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        before = f".{folder.name}.drdoctl-"
        _clear(folder.parent.glob(f"{escape(before)}*"))
        beside = Path(tempfile.mkdtemp(prefix=before, dir=folder.parent))
        held = os.open(beside, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_SH)  # it goes with this process, however that ends
        yield beside
        with disk_errors(folder):
            beside.chmod(0o755)
            for path in beside.rglob("*"):
                sync(path) if path.is_file() else fsync_dir(path)
            fsync_dir(beside)
            beside.replace(folder)  # an empty folder gives way
            fsync_dir(folder.parent)
    finally:
        os.close(held)
        shutil.rmtree(beside, ignore_errors=True)


def _refuse_place(folder: Path, where: str) -> None:
    blocked = next((path for path in folder.parents if kind_at(path) not in (None, "folder")), None)
    if blocked is not None or folder == Path.cwd():
        why = f"`{blocked}` is no folder" if blocked else "you are in it"
        raise UserError(f"`{folder}` cannot be made: {why}", code="no-folder", hint=f"name another: `{where}`")


def _clear(folders: Iterable[Path]) -> None:
    """Remove folders that killed processes were filling; those of living ones are locked."""
    for path in folders:
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """Write JSON (two-space indent, sorted keys, final newline) atomically."""
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any | None:
    """Return the file's JSON, or None where the file is absent, not whole, or nested beyond reason."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
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
