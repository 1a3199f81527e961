"""Calls to a zoo far away: bounded attempts, a deadline for each and one for all, an answer or a clear error.

`with overall(size):` around a whole push or pull gives all calls inside it one budget of seconds, whatever is done on
this machine in between; `more(size)` adds to it when it turns out that there are bytes to move.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from drdoctl.core.errors import DrdoError, IntegrityError, ZooError

T = TypeVar("T")
ATTEMPTS = 4
PAUSE_SECONDS = 0.5
"""Before the second attempt; doubles each time, unless the server says `Retry-After`."""
MAX_PAUSE_SECONDS = 30.0
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
SLOWEST = 64 << 10
"""A transfer slower than this on average (bytes a second) is given up."""
TIMEOUT = "DRDOCTL_ZOO_TIMEOUT"
WHOLE = 5
"""A push or a pull makes many calls: it may take so many times as long as one of them, and its bytes' time."""


@dataclass
class _Budget:
    left: float
    """Seconds that calls and the pauses between them may still take."""


_BUDGET: ContextVar[_Budget | None] = ContextVar("budget", default=None)


class Deadline(Exception):  # it is a fact about time; callers turn it into an error
    """A call took longer than it may."""


def allowed(size: int = 0) -> float:
    """Return how many seconds a call that moves `size` bytes may take."""
    return float(os.environ.get(TIMEOUT, "60")) + size / SLOWEST


@contextmanager
def overall(size: int = 0) -> Iterator[None]:
    """Let all calls inside share one budget, for `size` bytes in all; within another such block, add to that one's."""
    if _BUDGET.get() is not None:
        more(size)
        yield
        return
    token = _BUDGET.set(_Budget(WHOLE * allowed() + size / SLOWEST))
    try:
        yield
    finally:
        _BUDGET.reset(token)


def more(size: int) -> None:
    """Give the calls the time that `size` further bytes may take."""
    spend(-size / SLOWEST)


def left() -> float:
    """Return the seconds that calls may still take; infinity where there is no budget."""
    budget = _BUDGET.get()
    return float("inf") if budget is None else budget.left


def spend(seconds: float) -> None:
    """Take from the budget, where there is one."""
    budget = _BUDGET.get()
    if budget is not None:
        budget.left -= seconds


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what `call` returns, or raise `Deadline`: after `seconds`, or when the budget of all calls is spent.

    The client's own timeouts are for each read from a socket: a server that drips a byte now and
    then is never late by them. The thread is a daemon, so that a call without end cannot keep the process.
    """
    rest = left()
    if rest <= 0:
        raise Deadline("the time for all calls is over")
    box: dict[str, Any] = {}

    def body() -> None:
        try:
            box["value"] = call()
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            box["error"] = error

    thread = threading.Thread(target=body, daemon=True)
    began = time.monotonic()
    thread.start()
    thread.join(min(seconds, rest))
    spend(time.monotonic() - began)
    if thread.is_alive():
        raise Deadline(f"no end after {seconds:.0f} s" if seconds < rest else "the time for all calls is over")
    if "error" in box:
        raise box["error"]
    value: T = box["value"]
    return value


def attempt(what: str, endpoint: str, call: Callable[[], T], *, size: int = 0, leave: tuple[int, ...] = ()) -> T:
    """Return what `call` returns. What may pass is tried again; the rest becomes a ZooError that says `what` failed.

    Answers with a status in `leave` are raised as the client raises them: they mean something to the caller.
    """
    for number in range(ATTEMPTS):
        try:
            return within(allowed(size), call)
        except DrdoError:
            raise
        except Exception as error:  # the client raises from three libraries: sorted below
            if status(error) in leave:
                raise
            if not (transient(error) and another(number, error)):
                raise explain(what, endpoint, error) from None
    raise AssertionError("unreachable")


def another(number: int, error: Exception) -> bool:
    """Wait for the next attempt after attempt `number` (from 0), as long as the server asks for, within reason.

    Returns False, at once, where there is none: the last one failed, or the time for all calls would be over.
    """
    asked = getattr(getattr(_first(error), "response", None), "headers", {}).get("Retry-After", "")
    seconds = min(float(asked) if asked.isdigit() else PAUSE_SECONDS * 2**number, MAX_PAUSE_SECONDS)
    if number >= ATTEMPTS - 1 or seconds >= left():
        return False
    time.sleep(seconds)
    spend(seconds)
    return True


def status(error: Exception) -> int | None:
    """Return the HTTP status in an error, where there is one."""
    found = getattr(getattr(error, "response", None), "status_code", None)
    return int(found) if found is not None else None


def transient(error: Exception) -> bool:
    """Tell whether the same call may well succeed in a moment."""
    error = _first(error)
    if type(error).__name__ in ("OfflineModeIsEnabled", "Deadline"):
        return False
    code = status(error)
    if code is not None:
        return code in TRANSIENT
    return isinstance(error, ConnectionError | TimeoutError) or type(error).__module__.startswith("httpx")


def explain(what: str, endpoint: str, error: Exception) -> DrdoError:
    """Return the error a user sees. The client's objects hold the token in their headers, so none of them is kept."""
    error = _first(error)
    code = status(error)
    if type(error).__name__ == "OfflineModeIsEnabled":
        return ZooError(
            f"{what}: HF_HUB_OFFLINE forbids the network",
            code="offline",
            hint="unset HF_HUB_OFFLINE, or name a zoo in a folder: `--zoo DIR`",
        )
    if code in (401, 403):
        return ZooError(
            f"{what}: {endpoint} refused ({code})",
            code="zoo-permission",
            hint="set HF_TOKEN to a token that may do this (`hf auth whoami` tells whose it is)",
        )
    if isinstance(error, ValueError) and code is None:
        return IntegrityError(f"{what}: the answer of {endpoint} is not acceptable: {_line(error)}", code="zoo-answer")
    detail = f"status {code}" if code else f"{type(error).__name__}: {_line(error)}"
    return ZooError(
        f"{what}: {endpoint} failed ({detail})",
        code="zoo-unreachable",
        hint="look at the network and run the same command again; what was transferred is not lost"
        + (f" ({TIMEOUT}=SECONDS gives slow servers more time)" if isinstance(error, Deadline) else ""),
    )


def _first(error: Exception) -> Exception:
    """Return what the client's wrapper is about: of a download that could not begin, of an upload that broke off."""
    while isinstance(error, FileNotFoundError | RuntimeError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else "no details"
