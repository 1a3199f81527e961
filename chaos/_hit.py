"""What a fault strikes, and what is seen then: shared by all faults of a soak."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from chaos._apply import Apply, redone
from chaos._world import CHECKPOINT_STEPS

STOP_SECONDS = 30.0
"""How long a stage may take to save and end."""


class Missed(Exception):
    """There was nothing left that the fault could have struck."""


@dataclass
class Hit:
    """What a fault struck, and what was seen then."""

    place: str
    exit: int | None = None
    """The apply's exit code; None where it goes on."""
    redone: int | None = None
    """Steps that are taken again; None where no training was struck."""
    gone: float | None = None
    """Seconds until no process of it was left."""
    said: str = ""
    after: Apply | None = None
    """The apply that goes on already."""
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    strike: Callable[[Apply, Random], Hit]
    ready: Callable[[Apply], bool]
    """Whether there is something to strike."""
    delay: float = 2.0
    """A random part of so many seconds passes between that and the blow."""


def begun(apply: Apply) -> bool:
    """Whether the apply has read its spec and can catch signals."""
    return bool(apply.events)


def started(apply: Apply) -> bool:  # noqa: ARG001
    """Whether there is a process, at least."""
    return True


def finish(apply: Apply, place: str, folder: Path | None, codes: tuple[int, ...]) -> Hit:
    """Wait for the end of a struck apply, and see what it leaves."""
    began = time.monotonic()
    hit = Hit(place, apply.wait())
    seconds = time.monotonic() - began
    if hit.exit is None:
        hit.wrong.append(f"it had not ended after {apply.patience:g} s")
        apply.kill_all()
    elif hit.exit not in codes:
        told = " ".join(apply.errors.split())[:600]
        hit.wrong.append(f"exit {hit.exit} in place of {' or '.join(map(str, codes))}: {told}")
    hit.gone = apply.gone()
    if hit.gone is None:
        hit.wrong.append("a process of it stays")
        apply.kill_all()
    if folder is not None and folder.is_dir():
        hit.redone = redone(folder)
    if hit.exit in (130, 143, 75, 129) and seconds > STOP_SECONDS:
        hit.wrong.append(f"it took {seconds:.0f} s to stop")
    return hit


def too_much(hit: Hit) -> bool:
    """Whether more steps are lost than those since the checkpoint before the one that was being sealed."""
    return hit.redone is not None and hit.redone > 2 * CHECKPOINT_STEPS
