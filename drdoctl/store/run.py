"""The journal of one apply: `runs/<id>/events.jsonl`, one event a line, flushed as it happens."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from drdoctl import __version__
from drdoctl.core.errors import StageFailed
from drdoctl.core.files import disk_errors
from drdoctl.store.artifact import Store
from drdoctl.store.events import make, whole

EVENTS_FILE = "events.jsonl"
STAMPED = re.compile(r"\d{8}T\d{9}-")
STAMP = 18


class Run:
    """An open journal. `emit` writes an event; `echo`, where given, gets the same line."""

    def __init__(self, folder: Path, echo: Callable[[str], None] | None = None) -> None:
        """Open `folder/events.jsonl` for appending."""
        self.id = folder.name
        self.folder = folder
        self._echo = echo
        self._began = time.monotonic()
        with disk_errors(folder):
            folder.mkdir(parents=True)
            self._file = (folder / EVENTS_FILE).open("a", encoding="utf-8")

    @classmethod
    def start(
        cls,
        store: Store,
        spec_name: str,
        command: Sequence[str] = (),
        echo: Callable[[str], None] | None = None,
    ) -> Run:
        """Begin a journal in a store that this process holds. Ids are unique, and sort in the order of the runs."""
        run = cls(store.runs / f"{_stamp(store)}-{secrets.token_hex(2)}", echo)
        run.emit(
            "run_started",
            run=run.id,
            spec=spec_name,
            command=list(command),
            pid=os.getpid(),
            host=socket.gethostname(),
            version=__version__,
        )
        return run

    def emit(self, event: str, **fields: Any) -> None:
        """Append one event, with the fields that the table in `events` gives it."""
        line = json.dumps(make(event, **fields), ensure_ascii=False, allow_nan=False)
        with disk_errors(self.folder / EVENTS_FILE):
            self._file.write(line + "\n")
            self._file.flush()
        if self._echo is not None:
            self._echo(line)

    def finish(self, exit_code: int) -> None:
        """Write the last event and close. Where the disk takes no more, the journal ends before it."""
        with contextlib.suppress(StageFailed):
            self.emit("run_finished", exit_code=exit_code, seconds=round(time.monotonic() - self._began, 3))
        with contextlib.suppress(OSError):
            self._file.close()


def _stamp(store: Store) -> str:
    """Return the time in milliseconds, or a millisecond after the last run's where the clock was set back since."""
    now = datetime.now(UTC)
    stamps = [name[:STAMP] for name in (folder.name for folder in run_folders(store)) if STAMPED.match(name)]
    if stamps:
        last = datetime.strptime(f"{stamps[-1]}000+0000", "%Y%m%dT%H%M%S%f%z")
        now = max(now, last + timedelta(milliseconds=1))
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}"


def read_events(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a run's events in order. Lines that are not whole (a crash tore the last one) are passed over."""
    try:
        text = (folder / EVENTS_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if whole(event):
            yield event


def run_folders(store: Store) -> list[Path]:
    """Return the folders of all runs, oldest first."""
    try:
        return sorted(path for path in store.runs.iterdir() if path.is_dir())
    except OSError:
        return []
