"""A chat template's first renderings, in a process of its own: a template is a program, and may never end.

Templates that somebody else wrote run in transformers' sandbox, which keeps them from Python's internals and from long
ranges, but not from nested loops or from texts without bound.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 5
"""Processor time for all renderings of a trial; those of real templates take milliseconds."""
WAIT_SECONDS = 60
"""The same as time on the wall, for machines that are busy."""
MEMORY_BYTES = 1 << 30
"""What a trial may take on top of what the process has."""
TOO_LARGE = 3
LONGEST_NAP = 0.05


def trial_fault(render: Callable[[], object]) -> str | None:
    """Return why `render` does not end within the limits, or None. What else it raises is not told here."""
    child = os.fork()
    if not child:
        _child(render)
    code = _ended(child)
    if code in (None, -signal.SIGKILL, -signal.SIGXCPU):
        return f"it does not end within {SECONDS} s"
    if code == TOO_LARGE:
        return f"it takes more than {MEMORY_BYTES >> 30} GiB of memory"
    return f"it ends the process that renders it ({code})" if code else None


def _child(render: Callable[[], object]) -> None:
    """Render within the limits, and leave by the code alone: nothing of the parent is flushed or cleaned up here."""
    code = 0
    try:
        _limit()
        render()
    except MemoryError:
        code = TOO_LARGE
    except BaseException:  # noqa: BLE001, S110 -- the parent renders the same and says what is wrong
        pass
    finally:
        os._exit(code)


def _limit() -> None:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(name, signal.SIG_IGN)  # what goes to all processes of an apply is for the parent to heed
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    pages = Path("/proc/self/statm")  # where there is none, the kernel's own bounds must do
    if pages.exists():
        most = int(pages.read_text(encoding="ascii").split()[0]) * resource.getpagesize() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _ended(child: int) -> int | None:
    """Return the code that a child ends with, None where it had to be ended."""
    end, nap = time.monotonic() + WAIT_SECONDS, 0.0005
    status = None
    try:
        while time.monotonic() < end:
            found, code = os.waitpid(child, os.WNOHANG)
            if found:
                status = os.waitstatus_to_exitcode(code)
                break
            time.sleep(nap)
            nap = min(2 * nap, LONGEST_NAP)
    finally:
        if status is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return status
