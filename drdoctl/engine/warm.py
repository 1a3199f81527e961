"""One warm process for many stages: it imports torch and its friends, then forks a child a stage.

Every stage still has a process of its own, so a crash costs only its stage. What is saved is the imports and first
calls, four to five seconds of CPU a stage and process. Used without CUDA, for a CUDA context does not survive a fork;
where the warm process is not there or dies, stages are started directly, as always.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from drdoctl.core.imports import import_all
from drdoctl.engine import launch
from drdoctl.engine.launch import PARALLEL_KINDS
from drdoctl.engine.node import fork
from drdoctl.engine.signals import held_back
from drdoctl.engine.worker import end, main, modules, tie
from drdoctl.stages import Job

ANSWER_SECONDS = 120.0
"""How long the warm process may take to import everything and fork."""
POLL_SECONDS = 0.1
GONE = -9
AHEAD = (
    *(name for kind in ("data", *sorted(PARALLEL_KINDS)) for name in modules(kind)),
    "deepspeed",
    "drdoctl.train.rehearsal",
)
"""All that a forked stage imports, but for peft, which only stages with an adapter need."""
SHARDED = "deepspeed.runtime.zero.muon.muon_optimizer"
"""What DeepSpeed imports from ZeRO stage 1 on, with all that it needs of torch: 0.8 s."""


class Forked:
    """A stage's process that the warm one forked, with what a `subprocess.Popen` offers to who waits for it."""

    def __init__(self, pid: int, answers: Answers) -> None:
        self.pid, self._answers = pid, answers
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("stage", timeout or 0.0)
        return code

    def _look(self, seconds: float | None) -> int | None:
        if self.returncode is None:
            answer = self._answers.next(seconds)
            if answer is not None:
                self.returncode = int(answer.get("code", GONE))
        return self.returncode


class Answers:
    """Lines of JSON from the warm process. When it is gone, every answer is empty."""

    def __init__(self, handle: int) -> None:
        self._handle, self._buffer = handle, b""

    def next(self, seconds: float | None) -> dict[str, Any] | None:
        """Return the next answer, {} when there will be none, None after so many seconds (None: wait for ever)."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._handle], [], [], left)[0]:
                return None
            block = os.read(self._handle, 1 << 16)
            if not block:
                return {}
            self._buffer += block
        line, _, self._buffer = self._buffer.partition(b"\n")
        return dict(json.loads(line))


class Warm:
    """The parent's handle on the warm process."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Start it; it imports while the caller goes on."""
        with held_back():  # for good: a signal to every process of an apply must not cost the stage its parent
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", "drdoctl.engine.warm"],
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        if self._process.stdin is None or self._process.stdout is None:
            raise TypeError("pipes were asked for")
        self._say, self._answers = self._process.stdin, Answers(self._process.stdout.fileno())

    def start(self, job: Path, ticket: str, log: Path, hurry: Callable[[], bool]) -> Forked | None:
        """Fork a stage. Returns None where the warm process is of no use any more, or `hurry` says not to wait."""
        try:
            self._say.write(json.dumps({"job": str(job), "ticket": ticket, "log": str(log)}).encode() + b"\n")
            self._say.flush()
        except OSError:
            return None
        deadline = time.monotonic() + ANSWER_SECONDS
        answer = None
        while answer is None and time.monotonic() < deadline and not hurry():
            answer = self._answers.next(POLL_SECONDS)
        return Forked(int(answer["pid"]), self._answers) if answer else None

    def close(self) -> None:
        """End the warm process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _become_stage(order: Mapping[str, str], job: Job, warm: int) -> None:
    os.setsid()
    tie(warm)
    out = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for target, handle in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, out)):
        os.dup2(handle, target)
    os.environ.update(launch.environment(job.kind, job.resources, offline=False))  # which the warm process may be
    path, ticket = order["job"], order["ticket"]
    count = launch.processes(job.kind, job.resources)
    work = partial(main, [path, ticket])
    end(work() if count == 1 else fork(Path(path), ticket, count, work))


def rehearse() -> None:
    """Take a toy step, so that children need not make what libraries make on first use."""
    with contextlib.suppress(Exception):  # it only saves time: what goes wrong here, the stage itself will tell
        sys.modules["drdoctl.train.rehearsal"].rehearse()
    gc.freeze()  # keeps the garbage collector of the children from copying what they share


def serve() -> None:
    """Fork a stage for each line of stdin, one after the other, and answer with its pid and then its exit code.

    Before a fork only what that stage needs is imported. The rest follows while the stage is at work. Before a fork of
    several all is, or each of them would import for itself what is not there yet.
    """
    tie()
    warm, answers = os.getpid(), os.dup(1)
    os.dup2(2, 1)  # a library's word on stdout must not be taken for an answer
    ahead: list[Callable[[], None]] = [*(partial(import_all, [name]) for name in AHEAD), rehearse]
    sharded = [partial(import_all, [SHARDED])]
    while line := sys.stdin.buffer.readline():
        order = json.loads(line)
        job = Job.read(Path(order["job"]))
        import_all(modules(job.kind))
        if sharded and job.resources.get("zero_stage"):
            ahead.append(sharded.pop())
        while ahead and launch.processes(job.kind, job.resources) > 1:
            do_next(ahead)
        pid = os.fork()
        if pid == 0:
            os.close(answers)
            _become_stage(order, job, warm)
        os.write(answers, json.dumps({"pid": pid}).encode() + b"\n")
        meanwhile(ahead, pid)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.write(answers, json.dumps({"code": status}).encode() + b"\n")


def meanwhile(ahead: list[Callable[[], None]], pid: int) -> None:
    """Do one thing after the other as long as the stage runs."""
    while ahead and not _has_ended(pid):
        do_next(ahead)


def do_next(ahead: list[Callable[[], None]]) -> None:
    """Do the first of many things. What fails is left to whom it concerns."""
    with contextlib.suppress(Exception):  # or a broken library would cost a stage that does not need it
        ahead.pop(0)()


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


if __name__ == "__main__":
    serve()
