"""What is said while files travel: bytes and time left of a download, the time so far of what cannot be counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from drdoctl.cli._zoo import size_text
from drdoctl.cli.console import Console

EVERY_SECONDS = 1.0


@contextmanager
def waiting(console: Console, what: str) -> Iterator[None]:
    """Say what goes on and for how long, while the body runs."""
    began = time.monotonic()
    with _repeated(console, lambda: f"{what}: {_duration(time.monotonic() - began)} so far"):
        yield


@contextmanager
def arriving(console: Console, what: str, folder: Path, size: int) -> Iterator[None]:
    """Say how many of `size` bytes lie in a folder, and how long the others will take, while the body runs."""
    began, before = time.monotonic(), held(folder)

    def line() -> str:
        there = min(size, held(folder))
        rate = (there - before) / max(1e-9, time.monotonic() - began)
        left = f", {_duration((size - there) / rate)} left" if rate > 0 and there < size else ""
        return f"{what}: {size_text(there)} of {size_text(size)}{left}"

    with _repeated(console, line):
        yield


def held(folder: Path) -> int:
    """Return the bytes of all files below a folder, those included that are on their way."""
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.stat().st_size if path.is_file() else 0
        except OSError:  # renamed while we looked
            continue
    return found


@contextmanager
def _repeated(console: Console, line: Callable[[], str]) -> Iterator[None]:
    done = threading.Event()
    with console.progress() as progress:

        def tell() -> None:
            while not done.wait(EVERY_SECONDS):
                progress.update(line())

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            done.set()
            teller.join()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
