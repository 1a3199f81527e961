"""Signals that ask for a stop: caught, held back until a child can hear them, or raised where nothing has begun."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from drdoctl.core.errors import Stopped

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 75}


class Signals:
    """Catches SIGINT, SIGTERM and SIGUSR1. The first asks to stop; a second SIGINT or SIGTERM, to stop at once."""

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self.at_once = False
        self._raises = False
        self._before: dict[signal.Signals, Any] = {}

    @property
    def name(self) -> str:
        """Return the first signal's name; empty where none came."""
        return self.first.name if self.first is not None else ""

    def __enter__(self) -> Self:
        """Put the handlers in place."""
        for number in EXIT_CODES:
            self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Put back the handlers that were there."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise KeyboardInterrupt at a signal: for work that looks for none, and may be cut anywhere."""
        self._raises = True
        try:
            if self.first is not None:
                raise KeyboardInterrupt
            yield
        finally:
            self._raises = False

    def _caught(self, number: int, _frame: FrameType | None) -> None:
        if self.first is None:
            self.first = signal.Signals(number)
        elif number != signal.SIGUSR1:
            self.at_once = True
        if self._raises:
            raise KeyboardInterrupt


@contextmanager
def stoppable(hint: str) -> Iterator[None]:
    """Raise `Stopped` at SIGTERM and SIGUSR1 where no stage is at work; Ctrl-C is Python's own KeyboardInterrupt."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        name = signal.Signals(number).name
        raise Stopped(f"{name}: no stage was at work", exit_code=EXIT_CODES[signal.Signals(number)], hint=hint)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Start a child in here: signals that ask for a stop wait, and do not kill it, until it is ready to `hear` them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, EXIT_CODES)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def hear() -> None:
    """Let signals through that were held back while this process was started."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, EXIT_CODES)
