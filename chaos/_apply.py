"""One running apply, seen from outside: its events, every process that it brought about, and where it stands."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Any

from chaos._world import World, environment
from drdoctl.core.files import read_json
from drdoctl.core.metrics import read_metrics
from drdoctl.engine import launch
from drdoctl.engine.ranks import named
from drdoctl.store.folder import newest_checkpoint

MARK = "DRDOCTL_CHAOS"
"""Name of the environment variable that all processes of one apply inherit, whoever becomes their parent."""
END_SECONDS = 180.0
"""An apply that nothing holds up has ended by then, or will not; a hung one has the spec's limit besides."""
GONE_SECONDS = 10.0


class Apply:
    """An apply in a process of its own."""

    def __init__(self, world: World) -> None:
        """Start it."""
        self.world, self.store = world, world.store()
        self.token = secrets.token_hex(8)
        self.events: list[dict[str, Any]] = []
        with (world.folder / "stderr.txt").open("wb") as errors:
            self.process = subprocess.Popen(  # noqa: S603  # our own program
                world.apply(),
                cwd=world.folder,
                env=environment(**{MARK: self.token}),
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            with contextlib.suppress(ValueError):  # a kill can tear the last one
                self.events.append(json.loads(line))

    @property
    def errors(self) -> str:
        """What it said on stderr."""
        return (self.world.folder / "stderr.txt").read_text(encoding="utf-8", errors="replace")

    def ended(self) -> bool:
        """Whether it has."""
        return self.process.poll() is not None

    @property
    def patience(self) -> float:
        """How many seconds it may take to end."""
        return END_SECONDS + 60 * self.world.timeout_minutes

    def wait(self, seconds: float | None = None) -> int | None:
        """Return the exit code, or None where it does not end. `seconds`: in place of its patience."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(self.patience if seconds is None else seconds)
            self._reader.join(GONE_SECONDS)
        return self.process.returncode

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults of the stages that failed."""
        return [fault for event in self.events if event["event"] == "stage_failed" for fault in event["faults"]]

    def planned(self, artifact: str) -> str | None:
        """Wait for the plan, and return what it does with an artifact; None where it ends without a plan."""
        while not (plans := [event for event in self.events if event["event"] == "plan"]) and not self.ended():
            time.sleep(0.02)
        actions = {stage["artifact"]: stage["action"] for stage in plans[0]["stages"]} if plans else {}
        return actions.get(artifact)

    def kill_all(self) -> None:
        """SIGKILL to every process of it."""
        while pids := marked(self.token):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.wait()

    def gone(self) -> float | None:
        """Return after how many seconds no process of it is left; None where one stays."""
        began = time.monotonic()
        while time.monotonic() - began < GONE_SECONDS:
            if not marked(self.token):
                return time.monotonic() - began
            time.sleep(0.02)
        return None

    def stage(self) -> dict[str, Any] | None:
        """Return the stage at work, `id` and `artifact`, or None between stages."""
        for event in reversed(self.events):
            if event["event"] in ("stage_finished", "stage_failed", "stage_stopped", "run_finished"):
                return None
            if event["event"] == "stage_started":
                return event
        return None

    def folder(self) -> Path | None:
        """Return the folder of the stage at work."""
        stage = self.stage()
        return None if stage is None else self.store.partial_path(stage["artifact"])

    def working(self) -> bool:
        """Whether the stage's own process has said how far it is."""
        folder = self.folder()
        try:
            return folder is not None and (
                (folder / "progress.json").stat().st_mtime_ns > (folder / "job.json").stat().st_mtime_ns
            )
        except OSError:
            return False

    def starters(self) -> list[int]:
        """Return the processes that stand between the apply and a stage's: the warm one, or a launcher."""
        between = {"drdoctl.engine.warm", launch.LAUNCHER}
        return [pid for pid in children_of(self.process.pid) if between & set(command_of(pid))]

    def leader(self) -> int | None:
        """Return the first process of a stage of several that are forked, None where there is none."""
        below = [child for starter in self.starters() for child in children_of(starter)]
        return next((pid for pid in below if _forked(pid)), None)

    def ranks(self) -> list[int]:
        """Return the processes that compute the stage at work, the first rank first."""
        starters = self.starters()
        below = [pid for starter in starters for child in children_of(starter) for pid in _forked(child) or [child]]
        alone = [pid for pid in children_of(self.process.pid) if pid not in starters]
        ours = {launch.WORKER, "drdoctl.engine.warm"}
        return [pid for pid in [*below, *alone] if ours & set(command_of(pid))]

    def place(self) -> str:
        """Return where it stands, in words."""
        if not any(event["event"] == "plan" for event in self.events):
            return "while planning"
        stage, folder = self.stage(), self.folder()
        if stage is None or folder is None:
            return "between stages"
        if not self.working():
            return f"{stage['id']} starts"
        progress = read_json(folder / "progress.json") or {}
        return f"{stage['id']}, {progress.get('unit', 'step')} {progress.get('step', 0):,}"


def marked(token: str) -> list[int]:
    """Return the living processes of an apply."""
    wanted = f"{MARK}={token}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _forked(leader: int) -> list[int]:
    """Return the ranks that a stage's first process forked, which are named so; none where it works alone."""
    return [pid for pid in children_of(leader) if named(pid) is not None]


def children_of(pid: int) -> list[int]:
    """Return a process's children, oldest first; none where it is gone."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def command_of(pid: int) -> list[str]:
    """Return a process's command line, none where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return []


def redone(folder: Path) -> int | None:
    """Return the steps that a stage has taken and would take again; None where it does not train."""
    if not (folder / "metrics.jsonl").is_file():
        return None
    taken = max((line["step"] for line in read_metrics(folder / "metrics.jsonl")), default=0)
    return max(0, taken - (newest_checkpoint(folder) or 0))
