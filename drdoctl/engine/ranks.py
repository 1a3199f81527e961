"""The processes of a stage as the kernel shows them: who has ended, how, and which rank it was."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Protocol

STACKS = signal.SIGUSR2
"""Upon which a worker writes the stacks of its threads to its log."""
STACKS_SECONDS = 0.5
NAME, PR_SET_NAME = "rank-", 15
NAMED = 4
"""Processes of a hung stage of which is told when they were last heard of."""


class Process(Protocol):
    """What is asked of a stage's process: a `subprocess.Popen`, or one that the warm process forked."""

    pid: int
    returncode: Any

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired."""
        ...


class Exits:
    """Waits for the end of a child, or of processes below it, without asking again and again.

    Whoever started them takes the exit status away after a second at most; this wakes up at once and sees it first.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._poll = select.poll()
        self._open: set[int] = set()
        self.add(process.pid)

    def add(self, pid: int) -> None:
        """Wake up when this process ends, too."""
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                handle = os.pidfd_open(pid)
                self._open.add(handle)
                self._poll.register(handle, select.POLLIN)

    def wait(self, seconds: float) -> None:
        """Return when one of the processes has ended, and at the latest after so many seconds."""
        if not self._open:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return
        for handle, _ in self._poll.poll(seconds * 1000):
            self._poll.unregister(handle)
            self._open.discard(handle)
            os.close(handle)

    def close(self) -> None:
        """Let go of all processes."""
        for handle in self._open:
            os.close(handle)
        self._open.clear()


class Ranks:
    """The processes of a stage of several, whoever started them, from `/proc`.

    Where there is none, nothing is seen and nothing breaks.
    """

    def __init__(self, leader: int, count: int, exits: Exits) -> None:
        self.leader, self.count, self.exits = leader, count, exits
        self.known: dict[int, int] = {}
        """Process id -> rank."""

    def look(self) -> tuple[int, int] | None:
        """Return (rank, wait status) of a rank that has died badly and was not waited for yet, or None.

        Of several, one that a signal killed: others fail because of it. None, too, where the one that started them is
        gone: they died of that.
        """
        if self.count == 1:
            return None
        for pid in _children(self.leader) if len(self.known) < self.count else ():
            if pid not in self.known and (rank := _rank(pid)) is not None:
                self.known[pid] = rank
                self.exits.add(pid)
        ended = {rank: int(fields[-1]) for pid, rank in self.known.items() if (fields := _stat(pid))[:1] == ["Z"]}
        dead = [(rank, status) for rank, status in ended.items() if status]
        if not dead or _stat(self.leader)[:1] in ([], ["Z"]):
            return None
        return max(dead, key=lambda found: os.WIFSIGNALED(found[1]))

    def stuck(self, beats: Path) -> str:
        """Return what is known of the processes of a hung stage, in words; empty where nothing is.

        Which of them are stopped or gone, and when each was last heard of: who waits for another spoke after it.
        `beats`: the folder in which they speak.
        """
        named = {**self.known} or {self.leader: 0}
        states = {rank: (_stat(pid) or ["gone"])[0] for pid, rank in named.items()}
        words = {"T": "is stopped", "t": "is stopped", "Z": "has died", "gone": "is gone", "D": "waits for the disk"}
        found = [f"rank {rank} {words[state]}" for rank, state in sorted(states.items()) if state in words]
        return "; ".join(filter(None, (", ".join(found), ", ".join(last_heard(beats)))))

    def tell_stacks(self) -> None:
        """Let the processes write into the log what each of their threads is at, as far as they still can."""
        for pid in self.known or [self.leader]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, STACKS)
        time.sleep(STACKS_SECONDS)


def last_heard(beats: Path, now: float | None = None) -> list[str]:
    """Return when the processes that speak in a folder last did, and at which step: the longest silent first."""
    moment = time.time() if now is None else now
    found = []
    for file in beats.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            found.append((file.stat().st_mtime, int(file.name), int(file.read_text(encoding="ascii"))))
    return [
        f"rank {rank} was last heard of {max(0.0, moment - heard):,.1f} s ago, after step {step:,}"
        for heard, rank, step in sorted(found)[:NAMED]
    ]


def kill_group(process: Process) -> None:
    """Kill whatever is left of a child's process group, and wait for the child."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _stat(pid: int) -> list[str]:
    """Return the fields of `/proc/PID/stat` from the state on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []


def be_named(rank: int) -> None:
    """Let the kernel show this process's rank: of a forked process it shows the environment of the one it is from."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NAME, f"{NAME}{rank}".encode())


def named(pid: int) -> int | None:
    """Return the rank that a process is named for, also after its end; None where it is no forked rank, or gone."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
    number = name.removeprefix(NAME)
    return int(number) if name.startswith(NAME) and number.isdigit() else None


def _rank(pid: int) -> int | None:
    if (rank := named(pid)) is not None:
        return rank
    try:
        env = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    found = [entry[5:] for entry in env if entry.startswith(b"RANK=")]
    return int(found[0]) if found and found[0].isdigit() else None
