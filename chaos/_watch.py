"""One case at a time within bounds of processor time and memory, and a name for what went wrong."""

from __future__ import annotations

import resource
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from drdoctl.core.errors import DrdoError

ROOT = Path(__file__).parents[1]
SECONDS = 2.0
"""Processor time of one case."""
MEMORY_BYTES = 2 << 30
"""What the whole run may take on top of what it has at its start: what goes beyond is a finding."""


class TooSlow(BaseException):
    """A case took more processor time than it may. No handler for errors takes it for one."""


@dataclass
class Watch:
    """What was tried, and what was found: anything but the project's own errors."""

    seconds: float = SECONDS
    cases: int = 0
    refused: int = 0
    slowest: float = 0.0
    found: dict[str, bytes] = field(default_factory=dict)
    """What went wrong, by its place, with the first input that did it."""

    def try_one(self, name: str, read: Callable[[bytes], object], data: bytes) -> str | None:
        """Read one input; return what went wrong, where it is new."""
        self.cases += 1
        before = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, self.seconds)
        try:
            read(data)
        except DrdoError:
            self.refused += 1
            wrong = None
        except (Exception, TooSlow) as error:  # noqa: BLE001 -- each of them is what is looked for
            wrong = error
        else:
            wrong = None
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self.slowest = max(self.slowest, time.process_time() - before)
        if wrong is None or (where := place(wrong)) in self.found:
            return None
        self.found[where] = data
        return f"{name}: {where}: {' '.join(str(wrong).split()):.160}"


def bound() -> None:
    """Bound this process's memory, and ask for a signal where a case takes too long."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY_BYTES, hard))
    signal.signal(signal.SIGPROF, _too_slow)


def place(error: BaseException) -> str:
    """Return an error's class, and the last line of the project that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/drdoctl/" in frame.filename]
    inner = [f"{frame.filename.rpartition('/drdoctl/')[2]}:{frame.lineno}" for frame in frames[-1:]]
    return " at ".join([type(error).__name__, *getattr(error, "places", inner)])


def _too_slow(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TooSlow
