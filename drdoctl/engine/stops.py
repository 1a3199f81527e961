"""What a stop means for whoever asked for it: what is saved, what is lost, what goes on, and the exit code."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from signal import SIGTERM, SIGUSR1, Signals
from typing import Any

from drdoctl.core.errors import Stopped
from drdoctl.core.progress import AFRESH
from drdoctl.engine.signals import EXIT_CODES
from drdoctl.engine.watch import Ending

IN_VAIN = 1
"""Exit code in place of 75 where a requeued apply would come no further than this one: a script would try for ever."""
Partial = Mapping[str, Any]
"""How far an unfinished artifact is, as `Store.partial` tells it."""
NOTHING_SAVED = "; nothing was saved since this apply began, so a requeued one would come no further"


def between(name: str, what: str, command: Sequence[str], *, in_vain: bool = False) -> Stopped:
    """Return the end of an apply that a signal (its name) stopped where no stage's child was at work.

    `in_vain`: something was begun that the next apply begins anew, and nothing was saved before it.
    """
    if in_vain and _code(name) == EXIT_CODES[SIGUSR1]:
        return Stopped(f"{name}: {what}{NOTHING_SAVED}", exit_code=IN_VAIN, hint="give the apply more time")
    return Stopped(f"{name}: {what}", exit_code=_code(name), hint=f"`{_again(command)}` goes on from there")


@dataclass(frozen=True)
class Cut:
    """A stage that a signal cut short, and what is there of it."""

    id: str
    signal: str
    """The signal's name; empty where nobody knows which."""
    ending: Ending
    before: Partial | None
    """What was there of it when this apply started it; None: nothing."""
    now: Partial | None
    saved: bool
    """Whether this apply has finished a stage, or has seen a checkpoint come to count."""
    minutes: float
    """`resources.grace_minutes`."""

    def error(self, command: Sequence[str]) -> Stopped:
        """Return the end of the apply. `command`: its command line without the program."""
        name = self.signal or SIGTERM.name
        text, code = f"{name}: `{self.id}` was {self._became()}", _code(name)
        if code == EXIT_CODES[SIGUSR1] and self._in_vain():
            return Stopped(text + NOTHING_SAVED, exit_code=IN_VAIN, hint=self._remedy())
        kept = _step(self.now) or not _seen(self.now)
        goes = "goes on from there" if kept else "starts this stage afresh"
        return Stopped(text, exit_code=code, hint=f"`{_again(command)}` {goes}")

    def _became(self) -> str:
        """Return what became of the stage, to follow `it was`."""
        late = f" because it had not ended within {self.minutes:g} minutes" if self.ending.late else ""
        if not self.ending.killed:
            nothing = "its first piece was not done" if self._in_pieces() else "it keeps nothing of what it began"
            lost = "" if _step(self.now) or not _seen(self.now) else f"; {nothing}"
            return f"stopped {_at(self.now)}{lost}"
        since = f"since it last saved ({_at(self.now)}) " if _step(self.now) else ""
        return f"killed{late}; what it did {since}is lost" + ("" if since else ", for it had saved nothing")

    def _in_vain(self) -> bool:
        """Whether nothing was saved, and the same would happen again."""
        ahead = _step(self.now) > _step(self.before) or (_step(self.now) > 0 and _unit(self.now) != _unit(self.before))
        if self.saved or ahead:
            return False
        # ended as asked, a stage that keeps nothing may have had little time; twice in a row, it needs more
        return self.ending.killed or (not _step(self.now) and self._began() and _seen(self.before) > 0)

    def _began(self) -> bool:
        """Whether the stage has reported a step since it was started: an earlier run's report stays until then."""
        return _seen(self.now) > 0 and (self.before is None or (self.now or {})["at"] != self.before["at"])

    def _remedy(self) -> str:
        if self.ending.late:
            return (
                "raise `resources.grace_minutes` above what a step and a checkpoint take, and let the batch system "
                "send its signal as much earlier"
            )
        if self.ending.killed:
            return "a second signal ends the stage at once: send one, and wait until the apply has ended"
        until = "its first piece is done" if self._in_pieces() else "it is done"
        return f"give the apply more time: this stage keeps nothing until {until}"

    def _in_pieces(self) -> bool:
        """Whether the stage was at work that is kept piece by piece."""
        return _unit(self.now) not in ("", "step", AFRESH)


def _code(name: str) -> int:
    return {number.name: code for number, code in EXIT_CODES.items()}.get(name, EXIT_CODES[Signals.SIGTERM])


def _again(command: Sequence[str]) -> str:
    return shlex.join(["drdoctl", *command])


def _step(partial: Partial | None) -> int:
    """Return the step that a resume goes on from; 0: it starts afresh."""
    return int(partial["step"]) if partial else 0


def _seen(partial: Partial | None) -> int:
    """Return the last step that was reported."""
    return int(partial["seen"]) if partial else 0


def _unit(partial: Partial | None) -> str:
    return str(partial["unit"]) if partial else ""


def _at(partial: Partial | None) -> str:
    """Return where a resume goes on; where there is nothing to go on with, where the stage was."""
    return f"at {_unit(partial) or 'step'} {_step(partial) or _seen(partial):,}"
