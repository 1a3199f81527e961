"""The parent's side of a running stage: wait, follow, stop, and find out why a child died."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drdoctl.core.files import read_json
from drdoctl.core.progress import BEATS, PROGRESS, STOP
from drdoctl.engine.ranks import Exits, Process, Ranks, kill_group
from drdoctl.engine.signals import Signals

POLL_SECONDS = 0.1
HELD_UP_SECONDS = 5.0
"""A round of the watch that takes this much longer was not spent watching: we were stopped (SIGSTOP, a debugger)."""
SETTLE_SECONDS = 2.0
"""How long the other processes get to say what they saw, once one has died."""


@dataclass(frozen=True)
class Ending:
    """How a child ended."""

    code: int
    """Exit code of the child, or of the launcher; 128 + n for signal n."""
    signal: int | None = None
    """The signal that killed a process, where one did."""
    rank: int | None = None
    """The rank that died first, where it is known."""
    stopped: str | None = None
    """The signal's name, where work was saved because a stop was asked for; empty where nobody knows which."""
    hung: str | None = None
    """What is known about a stage that showed no progress in time."""
    killed: bool = False
    """Killed by us after a stop: because of a second signal, or because it took too long."""
    late: bool = False
    """Killed because it took longer than its grace."""


class Watch:
    """Follows one child until it ends."""

    def __init__(
        self,
        process: Process,
        folder: Path,
        signals: Signals,
        timeout: float,
        grace: float,
        processes: int,
        follow: Callable[[dict[str, Any]], None],
        stopping: Callable[[], None],
    ) -> None:
        """`timeout`: seconds without progress; `grace`: seconds to end in after the first signal.

        `follow` gets each progress, `stopping` comes with the first signal.
        """
        self.process, self.folder, self.signals = process, folder, signals
        self.timeout, self.grace = timeout, grace
        self.follow, self.stopping = follow, stopping
        self._seen = _stamp(folder / PROGRESS)
        self._beats = _beats(folder)
        self._moved = time.monotonic()
        self._asked: float | None = None
        self._round = self._moved
        self._exits = Exits(process)
        self._ranks = Ranks(process.pid, processes, self._exits)

    def wait(self) -> Ending:
        """Return how the child ended. Whatever happens, no process of its group is left."""
        try:
            while not self._ended():
                self._forgive()
                self._read_progress()
                self._pass_on_signals()
                dead = self._ranks.look()
                if dead is not None:
                    return self._one_died(dead)
                late = self._asked is not None and time.monotonic() - self._asked > self.grace
                if self.signals.at_once or late:
                    return self._kill(killed=True, late=late and not self.signals.at_once)
                if not self._asked and time.monotonic() - self._moved > self.timeout:
                    known = self._ranks.stuck(self.folder / BEATS)
                    self._ranks.tell_stacks()
                    return self._kill(hung=known)
            self._read_progress()
            return self._ending()
        finally:
            self._exits.close()
            kill_group(self.process)

    def _ended(self) -> bool:
        self._exits.wait(POLL_SECONDS)
        return self.process.poll() is not None

    def _forgive(self) -> None:
        """Give the child its limits anew where we were held up: it was stopped with us, and goes on no sooner."""
        now, before = time.monotonic(), self._round
        self._round = now
        if now - before > POLL_SECONDS + HELD_UP_SECONDS:
            self._moved = now
            self._asked = self._asked and now

    def _read_progress(self) -> None:
        # the first process, which alone writes the progress, may be done and wait for another that works
        if (beats := _beats(self.folder)) != self._beats:
            self._beats, self._moved = beats, time.monotonic()
        stamp = _stamp(self.folder / PROGRESS)
        if stamp == self._seen:
            return
        self._seen, self._moved = stamp, time.monotonic()
        progress = read_json(self.folder / PROGRESS)
        if isinstance(progress, dict) and "step" in progress:
            self.follow(progress)

    def _pass_on_signals(self) -> None:
        if self.signals.first is None or self._asked is not None:
            return
        self._asked = time.monotonic()
        with contextlib.suppress(OSError):  # on a full disk it stays empty, and says enough by being there
            (self.folder / STOP).write_text(self.signals.name, encoding="ascii")
        self.stopping()

    def _kill(self, *, killed: bool = False, late: bool = False, hung: str | None = None) -> Ending:
        kill_group(self.process)
        return Ending(128 + signal.SIGKILL, killed=killed, late=late, hung=hung)

    def _one_died(self, dead: tuple[int, int]) -> Ending:
        rank, status = dead
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline and not self._ended():
            pass
        kill_group(self.process)
        code = os.waitstatus_to_exitcode(status)
        number = -code if code < 0 else None
        return Ending(128 + number if number else code, signal=number, rank=rank)

    def _ending(self) -> Ending:
        code = self.process.returncode
        # The launcher ends with a rank's own return code: -9 arrives as 247.
        number = -code if code < 0 else 256 - code if code > 192 else None
        stopped = self.folder / "stopped"
        if number is None and stopped.exists():
            return Ending(code, stopped=stopped.read_text(encoding="ascii"))
        return Ending(128 + number if number else code, signal=number)


def _beats(folder: Path) -> list[tuple[int, int] | None]:
    """Return when each of several processes last said that it is alive."""
    return [_stamp(path) for path in sorted((folder / BEATS).glob("[0-9]*"))]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ino
