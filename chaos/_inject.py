"""Runs Python in a process of its own and lets strace kill it, or fail a call of it, at its n-th call of a kind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from select import select

PR_SET_PTRACER = 0x59616D61
ANYBODY = ctypes.c_ulong(-1)
ATTACH_SECONDS = 30.0


KILL, UNCLEAR = "KILL", 70
"""A strike that is no error of a call; and the exit code of what ended in no error that a user could read."""


def struck(body: Callable[[], int], log: Path, call: str, what: str, number: int) -> tuple[int, bool]:
    """Run `body` as `forked` does, with its n-th call struck. Return the exit code, and whether it came to that call.

    `what`: `KILL`, or an error such as `EIO`, with which the call fails without having done anything.
    """
    how = f"inject={call}:{'signal=KILL' if what == KILL else f'error={what}'}:when={number}"
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as told:
        code = forked(body, log, ["strace", "-f", "-o", told.name, "-e", f"trace={call}", "-e", how])
        return code, code == -signal.SIGKILL or "(INJECTED)" in told.read()


def forked(body: Callable[[], int], log: Path, tracer: Sequence[str] = ()) -> int:
    """Run `body` in a fork of this process, its output appended to `log`, and return its exit code; -9: it was killed.

    What is imported is imported once for all, and to attach a tracer takes a hundredth of a second. Of a body with
    threads, the calls of each are counted by themselves.
    """
    ready, go = os.pipe()
    up, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        os._exit(_child(body, (ready, go), said, log))
    os.close(ready)
    os.close(said)
    os.read(up, 1)  # its own preparations are not what is to be struck
    os.close(up)
    attached = _attach(pid, tracer) if tracer else None
    os.close(go)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if attached is not None:
        attached.communicate()
    return code


def _child(body: Callable[[], int], start: tuple[int, int], said: int, log: Path) -> int:
    os.close(start[1])
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for handle in (1, 2):
        os.dup2(out, handle)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY)
    os.close(said)
    os.read(start[0], 1)  # until the other end is closed
    try:
        return body()
    except BaseException:  # noqa: BLE001  # a fork must not go on with what its parent does
        traceback.print_exc()
        return UNCLEAR


def _attach(pid: int, words: Sequence[str]) -> subprocess.Popen[bytes]:
    tracer = subprocess.Popen(  # noqa: S603  # strace
        [*words, "-p", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    # it says so once it has stopped the process; a tracer is known to the kernel before, while calls still go unseen
    told = tracer.stderr
    if told is None or not select([told], [], [], ATTACH_SECONDS)[0] or b"attached" not in told.readline():
        os.kill(pid, signal.SIGKILL)
        tracer.kill()
        raise RuntimeError("strace cannot trace this process: it needs the right to")
    return tracer
