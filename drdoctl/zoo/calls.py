"""Calls to a Hub: each has a deadline, a bounded number of attempts, and ends in an answer or a clear error."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
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


class Deadline(Exception):  # it is a fact about time; callers turn it into an error
    """A call took longer than it may."""


def allowed(size: int = 0) -> float:
    """Return how many seconds a call that moves `size` bytes may take."""
    return float(os.environ.get(TIMEOUT, "60")) + size / SLOWEST


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what `call` returns, or raise `Deadline`.

    The client's own timeouts are for each read from a socket: a server that drips a byte now and
    then is never late by them. The thread is a daemon, so that a call without end cannot keep the process.
    """
    box: dict[str, Any] = {}

    def body() -> None:
        try:
            box["value"] = call()
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            box["error"] = error

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Deadline(f"no end after {seconds:.0f} s")
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
            if not transient(error) or number == ATTEMPTS - 1:
                raise explain(what, endpoint, error) from None
            pause(number, error)
    raise AssertionError("unreachable")


def pause(number: int, error: Exception) -> None:
    """Wait before the next attempt, as long as the server asks for, within reason."""
    asked = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", "")
    seconds = float(asked) if asked.isdigit() else PAUSE_SECONDS * 2**number
    time.sleep(min(seconds, MAX_PAUSE_SECONDS))


def status(error: Exception) -> int | None:
    """Return the HTTP status in an error, where there is one."""
    found = getattr(getattr(error, "response", None), "status_code", None)
    return int(found) if found is not None else None


def transient(error: Exception) -> bool:
    """Tell whether the same call may well succeed in a moment."""
    if type(error).__name__ in ("OfflineModeIsEnabled", "Deadline"):
        return False
    code = status(error)
    if code is not None:
        return code in TRANSIENT
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        return transient(error.__cause__)  # the client's wrapper for a download that could not begin
    return isinstance(error, ConnectionError | TimeoutError) or type(error).__module__.startswith("httpx")


def explain(what: str, endpoint: str, error: Exception) -> DrdoError:
    """Return the error a user sees. The client's objects hold the token in their headers, so none of them is kept."""
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
        hint="look at the network and run the same command again; what was transferred is not lost",
    )


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else "no details"
