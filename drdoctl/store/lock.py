"""One apply at a time: a flock on `<store>/lock`, with a note of who holds it.

The kernel drops a flock when its process dies, however it dies, so there is no stale lock to break. The note is for
messages only: junk in it does no harm.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from drdoctl.core.commands import quoted
from drdoctl.core.errors import Refused, StageFailed
from drdoctl.core.files import disk_errors

PATIENCE_SECONDS = 0.5
"""How long a held lock is tried again: `status` takes it for an instant, and a dying apply lets go of it."""
NO_FLOCK = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextlib.contextmanager
def hold(root: Path) -> Iterator[None]:
    """Hold the store for this process. `Refused` (exit 6) names the holder; `StageFailed` where locks do not work."""
    with disk_errors(root / "lock"):
        file = (root / "lock").open("a+", encoding="utf-8", errors="replace")
    with file:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _try(file, fcntl.LOCK_EX, root):
            if time.monotonic() > deadline:
                raise _held(root)
            time.sleep(0.02)
        _note(file, root)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                file.truncate(0)


def holder(root: Path) -> dict[str, Any] | None:
    """Return who holds the store (pid, host, since, command; empty where the note is unreadable), or None."""
    try:
        file = (root / "lock").open("r", encoding="utf-8", errors="replace")
    except OSError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_note(root)
        except OSError:
            return None
    return None


def mark_busy(path: Path) -> TextIO | None:
    """Hold a shared lock on a file until this process ends (or the file is closed); None where locks do not work."""
    file = path.open("r", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def wait_until_free(path: Path, seconds: float) -> bool:
    """Wait until no process marks a file as busy, and return whether that came to pass. No file is free."""
    deadline = time.monotonic() + seconds
    try:
        file = path.open("r", encoding="utf-8")
    except OSError:
        return True
    with file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.05)
            except OSError:
                return True
            else:
                return True


def busy_with(path: Path) -> list[int]:
    """Return the processes that mark a file as busy, as far as the kernel tells (Linux: `/proc/locks`)."""
    try:
        node = path.stat().st_ino
        lines = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    except OSError:
        return []
    found = {int(words[4]) for words in lines if words[1] == "FLOCK" and words[5].endswith(f":{node}")}
    return sorted(pid for pid in found if pid > 0)


def pid_alive(pid: int) -> bool:
    """Whether a process of this machine runs. One that has ended but was not waited for counts as dead."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError, ValueError):
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return True
    return not state or state[0] not in ("Z", "X")


def _try(file: TextIO, kind: int, root: Path) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_FLOCK:
            raise
        raise StageFailed(
            f"the file system of `{root}` has no locks ({error.strerror})",
            code="no-locks",
            hint="put the store on a local disk with `--store DIR`",
        ) from error
    return True


def _note(file: TextIO, root: Path) -> None:
    note = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["drdoctl", *sys.argv[1:]]),
    }
    with disk_errors(root / "lock"):
        file.seek(0)
        file.truncate()
        file.write(json.dumps(note))
        file.flush()


def _read_note(root: Path) -> dict[str, Any]:
    try:
        note = json.loads((root / "lock").read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def _held(root: Path) -> Refused:
    note = _read_note(root)
    who = f"pid {note['pid']} on {note.get('host')}, since {note.get('since')}" if "pid" in note else "pid unknown"
    what = f": `{note['command']}`" if note.get("command") else ""
    return Refused(
        f"another apply holds the store `{root}` ({who}){what}",
        code="store-held",
        hint=f"wait for it, or use another store with `--store DIR`; see `drdoctl status --store {quoted(root)}`",
    )
