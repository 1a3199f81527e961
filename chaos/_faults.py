"""The faults that strike processes: signals to the apply, to all of it, to one rank; a second apply; a junk lock."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from random import Random

from chaos._apply import Apply
from chaos._hit import Hit, Kind, Missed, begun, finish, started

INT, TERM, USR1, KILL, STOP = signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL, signal.SIGSTOP
HUP = signal.SIGHUP
CODES = {INT: 130, TERM: 143, USR1: 75, HUP: 129, KILL: -9}


def send(number: signal.Signals, *, again: bool = False) -> Callable[[Apply, Random], Hit]:
    """Return what sends a signal to the apply, or to nobody else, twice."""

    def strike(apply: Apply, rng: Random) -> Hit:
        place, folder = apply.place(), apply.folder() if apply.working() else None
        apply.process.send_signal(number)
        if again:
            time.sleep(rng.uniform(0.02, 0.3))
            with contextlib.suppress(ProcessLookupError):
                apply.process.send_signal(number)
        # the second can meet a process that is done with handlers and about to end: to a shell that is 130 as well
        hit = finish(apply, place, folder, (CODES[number], -number) if again else (CODES[number],))
        if hit.exit == 0:
            raise Missed
        if number != KILL and not again and hit.redone:
            hit.wrong.append(f"{hit.redone} steps were not saved")
        return hit

    return strike


def kill_tree(apply: Apply, rng: Random) -> Hit:  # noqa: ARG001
    """SIGKILL to all processes."""
    place, folder = apply.place(), apply.folder() if apply.working() else None
    apply.kill_all()
    return finish(apply, place, folder, (-9,))


def kill_rank(apply: Apply, rng: Random) -> Hit:
    """SIGKILL to one process of a stage: the apply must name the signal, and the rank where there are several."""
    place, folder, ranks = apply.place(), apply.folder(), apply.ranks()
    if not ranks:
        raise Missed
    rank = rng.randrange(len(ranks))
    _signal(ranks[rank], KILL)
    hit = finish(apply, place, folder, (1, 0))
    if hit.exit == 0:
        raise Missed
    told = " ".join(fault["message"] for fault in apply.faults())
    if "signal 9" not in told or (len(ranks) > 1 and f"rank {rank}" not in told):
        hit.wrong.append(f"it says: {told}")
    return hit


def kill_starter(apply: Apply, rng: Random) -> Hit:  # noqa: ARG001
    """SIGKILL to what started a stage's processes: they go with it, and the apply says so."""
    starters = apply.starters() if apply.ranks() else []
    return _kill_above(apply, starters[-1] if starters else None)


def kill_leader(apply: Apply, rng: Random) -> Hit:  # noqa: ARG001
    """SIGKILL to the first process of a stage of several: they go with it, and none of them is named for it."""
    hit = _kill_above(apply, apply.leader())
    told = " ".join(fault["message"] for fault in apply.faults())
    if "signal 9" not in told or "rank" in told:
        hit.wrong.append(f"it says: {told}")
    return hit


def _kill_above(apply: Apply, pid: int | None) -> Hit:
    place, folder = apply.place(), apply.folder()
    if pid is None:
        raise Missed
    _signal(pid, KILL)
    hit = finish(apply, place, folder, (1, 0))
    if hit.exit == 0:
        raise Missed
    return hit


def kill_and_go_on(apply: Apply, rng: Random) -> Hit:  # noqa: ARG001
    """SIGKILL to the apply, and the same command again before its children can have noticed."""
    place, folder = apply.place(), apply.folder() if apply.working() else None
    apply.process.send_signal(KILL)
    after = Apply(apply.world)
    hit = finish(apply, place, folder, (-9, 0))
    if hit.exit == 0:
        after.kill_all()
        raise Missed
    hit.after, hit.redone = after, None  # more are taken by now
    return hit


def ask_rank(number: signal.Signals) -> Callable[[Apply, Random], Hit]:
    """Return what sends a signal to one process of a stage, as batch systems do."""

    def strike(apply: Apply, rng: Random) -> Hit:
        place, folder, ranks = apply.place(), apply.folder(), apply.ranks()
        if not ranks or not apply.working():
            raise Missed
        _signal(rng.choice(ranks), number)
        hit = finish(apply, place, folder, (CODES[number], 0))
        if hit.exit == 0:
            raise Missed
        if hit.redone:
            hit.wrong.append(f"{hit.redone} steps were not saved")
        return hit

    return strike


def stop_rank(apply: Apply, rng: Random) -> Hit:
    """SIGSTOP to one process of a stage: the apply must find out that nothing moves, and end it."""
    place, folder, ranks = apply.place(), apply.folder(), apply.ranks()
    if not ranks:
        raise Missed
    rank = rng.randrange(len(ranks))
    began = time.monotonic()
    _signal(ranks[rank], STOP)
    hit = finish(apply, place, folder, (1, 0))
    if hit.exit == 0:
        raise Missed
    hit.said = f"found after {time.monotonic() - began:.0f} s"
    told = apply.faults()
    if [fault["code"] for fault in told] != ["hung"] or f"rank {rank} is stopped" not in told[0]["message"]:
        hit.wrong.append(f"it says: {told}")
    return hit


def race(apply: Apply, rng: Random) -> Hit:  # noqa: ARG001
    """Start the same command beside it: exit 6, and the first goes on."""
    place, began = apply.place(), time.monotonic()
    try:
        code = apply.world.run(apply.world.apply(), seconds=60.0).returncode
    except subprocess.TimeoutExpired:
        code = -1
    if apply.ended():
        raise Missed
    hit = Hit(place, said=f"refused after {time.monotonic() - began:.1f} s")
    if code != 6:
        hit.wrong.append(f"the second apply ended with {code}")
    return hit


def junk(apply: Apply, rng: Random) -> Hit:
    """Write junk over the lock file of a running apply: it still holds the store."""
    with (apply.store.root / "lock").open("r+b") as file:
        file.write(rng.randbytes(rng.randrange(1, 400)))
    hit = race(apply, rng)
    hit.said = "the lock held"
    return hit


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        raise Missed from None


PROCESSES = (
    Kind("SIGKILL of the apply", send(KILL), Apply.working),
    Kind("SIGKILL of the apply, at any time", send(KILL), started, delay=12.0),
    Kind("SIGKILL of the apply, again at once", kill_and_go_on, Apply.working),
    Kind("SIGKILL of who started the ranks", kill_starter, Apply.working),
    Kind("SIGKILL of the first of several", kill_leader, Apply.working),
    Kind("SIGKILL of all its processes", kill_tree, Apply.working),
    Kind("SIGKILL of all, at any time", kill_tree, started, delay=12.0),
    Kind("SIGKILL of one rank", kill_rank, Apply.working),
    Kind("SIGINT", send(INT), Apply.working),
    Kind("SIGINT twice", send(INT, again=True), Apply.working),
    Kind("SIGTERM", send(TERM), Apply.working),
    Kind("SIGUSR1", send(USR1), begun, delay=8.0),
    # started by `nohup`, the soak's applies ignore it, as they should
    *([Kind("SIGHUP", send(HUP), Apply.working)] if signal.getsignal(HUP) is not signal.SIG_IGN else []),
    Kind("SIGTERM to one rank", ask_rank(TERM), Apply.working),
    Kind("SIGUSR1 to one rank", ask_rank(USR1), Apply.working),
    Kind("SIGSTOP of one rank", stop_rank, Apply.working),
    Kind("a second apply", race, begun),
    Kind("junk in the lock", junk, begun),
)
