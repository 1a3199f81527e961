"""One push or pull, struck at one of its requests: by the Hub and the network, or by the end of its process."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass

from chaos._transfers import World
from drdoctl.core.errors import DrdoError

KINDS = ("cut", "lose", "500", "503", "429 7")
SPANS = ("once", "twice", "this kind of request for good", "everything for good")
PASSING = SPANS[:2]
"""What another attempt gets over."""
NETWORK = 4
"""The exit code of what the network did."""


@dataclass(frozen=True)
class Strike:
    """What happens to which request of an act, counted from 0."""

    act: str
    number: int
    request: str
    kind: str
    span: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.act}, request {self.number} ({self.request}): {self.kind}, {self.span}"


@dataclass(frozen=True)
class Result:
    """What came of a strike."""

    exit: int
    wrong: list[str]


def struck(world: World, strike: Strike) -> Result:
    """Carry out an act that is struck, then again undisturbed."""

    def fault(number: int, request: str) -> str | None:
        begun = number >= strike.number
        hit = {
            "once": number == strike.number,
            "twice": begun and number <= strike.number + 1,
            "this kind of request for good": begun and request == strike.request,
            "everything for good": begun,
        }[strike.span]
        return strike.kind if hit else None

    watched, code = world.begin(strike.act, fault), 0
    try:
        world.do(strike.act)
    except DrdoError as error:
        code = error.exit_code
        if code != NETWORK or strike.span in PASSING:
            watched.wrong.append(f"exit {code}: {error}")
    return Result(code, [*watched.wrong, *world.now(), *world.ends(strike.act)])


def killed(world: World, act: str, number: int, *, after: bool) -> list[str] | None:
    """Kill a process in the middle of an act, at a request, before or `after` the Hub has carried it out.

    Returns what is wrong, also after the act was done again; None where the process had ended before.
    """
    context = multiprocessing.get_context("fork")
    go = context.Event()

    def body() -> None:
        go.wait()
        world.do(act)

    child = context.Process(target=body, daemon=True)

    def fault(at: int, _request: str) -> str | None:
        if at != number:
            return None
        if after:
            return f"kill {child.pid}"
        os.kill(child.pid or 0, signal.SIGKILL)
        return "cut"

    watched = world.begin(act, fault)
    child.start()
    go.set()
    child.join()
    if child.exitcode != -signal.SIGKILL:
        return None
    return [*watched.wrong, *world.now(), *world.ends(act)]
