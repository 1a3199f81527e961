"""Signals that ask for a stop: caught, held back until a child can hear them, or raised where nothing has begun."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from drdoctl.core.errors import Stopped

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 75, signal.SIGHUP: 129}


def heeded() -> list[signal.Signals]:
    """Return the signals that ask for a stop: SIGHUP is none where whoever started us has it ignored (`nohup`)."""
    return [one for one in EXIT_CODES if one != signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN]


def leave_terminal() -> None:
    """Let what is written to a terminal that is gone go nowhere: to fail over it would cost the work at hand."""
    for handle in (1, 2):
        try:
            gone = stat.S_ISCHR(os.fstat(handle).st_mode) and not os.isatty(handle)
        except OSError:  # closed
            continue
        if gone:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, handle)
            os.close(nowhere)


class Signals:
    """Catches SIGINT, SIGTERM, SIGHUP and SIGUSR1. The first asks to stop; a second SIGINT or SIGTERM, at once."""

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
        for number in heeded():
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
        if number == signal.SIGHUP:
            leave_terminal()
        if self.first is None:
            self.first = signal.Signals(number)
        elif number in (signal.SIGINT, signal.SIGTERM):  # a closed terminal's SIGHUP comes from shell and kernel
            self.at_once = True
        if self._raises:
            raise KeyboardInterrupt


@contextmanager
def stoppable(hint: str) -> Iterator[None]:
    """Raise `Stopped` at a signal where no stage is at work, but for Ctrl-C: that is Python's own KeyboardInterrupt."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        if number == signal.SIGHUP:
            leave_terminal()
        name = signal.Signals(number).name
        raise Stopped(f"{name}: no stage was at work", exit_code=EXIT_CODES[signal.Signals(number)], hint=hint)

    before = {number: signal.signal(number, stop) for number in heeded() if number != signal.SIGINT}
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
