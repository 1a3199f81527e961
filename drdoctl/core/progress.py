"""How a stage's child tells its parent how far it is, and learns that it should stop.

One small file, `progress.json`, replaced atomically a few times a second and never fsynced: it is for people and for
the hang watch, a resume does not rely on it. Only rank 0 writes it; of several processes each says in a file of its
own, in `beats`, that it is alive, and at which step.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

PROGRESS = "progress.json"
STOP = "stop"
BEATS = "beats"
AFRESH = "row"
"""The unit of a stage that keeps nothing of what it began: of the data stage. Interrupted, it starts afresh."""
UNITS = {"data": AFRESH, "rewards": "chunk", "logps": "chunk", "evaluate": "token"}
"""What stages count in, where they have not said so yet; all others count steps."""
INTERVAL_SECONDS = 0.25
HALF_LIFE_SECONDS = 20.0
_BEGAN: dict[Path, float] = {}
"""When a stage would have begun, by the monotonic clock, had this process done all of it; by the file."""
_NOTES: dict[Path, list[str]] = {}
"""What this process noted, by the file: a stage has several writers, one after the other, and all go on saying it."""


class Place(Protocol):
    """Anything that knows its folder in progress: a `Job`."""

    @property
    def out(self) -> str:
        """Return the `.partial` folder."""
        ...


class StopRequested(Exception):  # nothing went wrong
    """Raised by a stage body that has saved all it did, once `stop_requested` said so. The child then ends with 75."""


def begin(job: Place, spent: float) -> None:
    """Start the stage's clock, which no change of the machine's time reaches. `spent`: seconds of earlier runs."""
    _BEGAN[Path(job.out, PROGRESS)] = time.monotonic() - spent


def stop_requested(job: Place) -> bool:
    """Whether the parent asks for a checkpoint and an early end. With several processes, agree on the answer first."""
    return Path(job.out, STOP).exists()


def check_stop(job: Place) -> None:
    """Raise StopRequested where the parent asks for a checkpoint and an early end."""
    if stop_requested(job):
        raise StopRequested


class Progress:
    """Writer of `progress.json`, throttled: step, unit, loss, tokens_per_second, seconds_left, kept, checkpoint, notes.

    And `seconds`, of all runs of the stage so far, once its clock was started with `begin`.
    """

    def __init__(self, job: Place, *, interval: float = INTERVAL_SECONDS) -> None:
        """Write at most once every `interval` seconds, and always at the last step and at a checkpoint."""
        self._path = Path(job.out, PROGRESS)
        rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        self._writes = rank == 0
        self._beats = Path(job.out, BEATS, str(rank)) if size > 1 else None
        if self._beats is not None:
            self._beats.parent.mkdir(exist_ok=True)
        self._interval = interval
        self._written = 0.0
        self._last: tuple[float, int] | None = None
        self._steps_per_second: float | None = None
        self._tokens_per_second: float | None = None
        self._state: dict[str, Any] = {}
        self._kept: int | None = None
        self._checkpoint: int | None = None
        self._notes = _NOTES.setdefault(self._path, [])
        self._writing = threading.Lock()  # a checkpoint is reported by the thread that sealed it

    def log(self, text: str) -> None:
        """Say one line in the stage's log, once for all processes."""
        if self._writes:
            with suppress(OSError):  # a full disk: whoever must write will say so
                print(text, flush=True)  # noqa: T201 -- into log.txt

    def note(self, text: str) -> None:
        """Say one sentence that the user must see: into the log at once, and with this report and all to come."""
        self.log(text)
        self._notes.append(text)
        if self._state:
            self._write(time.monotonic())

    def update(
        self,
        step: int,
        steps: int,
        *,
        unit: str = "step",
        loss: float | None = None,
        tokens: int | None = None,
    ) -> None:
        """Report that `step` of `steps` is done; `steps` 0: how many there are is not known.

        `tokens`: worked on since the last call, over all processes.
        """
        now = time.monotonic()
        self.beat(step)
        self._rates(now, step, tokens)
        left = (steps - step) / self._steps_per_second if steps and self._steps_per_second else None
        self._state = {
            "step": step,
            "steps": steps,
            "unit": unit,
            "loss": loss if loss is not None and abs(loss) < float("inf") else None,
            "tokens_per_second": self._tokens_per_second,
            "seconds_left": left,
        }
        if now - self._written >= self._interval or (steps and step >= steps):
            self._write(now)

    def beat(self, step: int) -> None:
        """Say that this process is alive, `step` steps done. Of a single process `update` says it."""
        if self._beats is not None:
            with _alive(self._beats):
                self._beats.write_text(str(step), encoding="ascii")

    def keeps(self, step: int) -> None:
        """Say where a resume goes on from, of work that is kept in larger pieces than it is counted in."""
        self._kept = step
        if self._state:
            self._write(time.monotonic())

    def checkpointed(self, step: int) -> None:
        """Report that a resume would go on from `step`."""
        self._checkpoint = step
        self._write(time.monotonic())

    def _rates(self, now: float, step: int, tokens: int | None) -> None:
        """Keep decaying means, so that a slow first step does not spoil the forecast for long."""
        last, self._last = self._last, (now, step)
        if last is None or now <= last[0] or step <= last[1]:
            return
        seconds = now - last[0]
        keep = 0.5 ** (seconds / HALF_LIFE_SECONDS)
        self._steps_per_second = _mix(self._steps_per_second, (step - last[1]) / seconds, keep)
        if tokens is not None:
            self._tokens_per_second = _mix(self._tokens_per_second, tokens / seconds, keep)

    def _write(self, now: float) -> None:
        if not self._writes:
            return
        self._written = now
        beside = self._path.with_name(f".{PROGRESS}.{os.getpid()}-{threading.get_ident()}.tmp")
        with self._writing, _alive(self._path):
            told = {**self._state, "checkpoint": self._checkpoint, "notes": self._notes}
            if self._kept is not None:
                told["kept"] = self._kept
            if self._path in _BEGAN:
                told["seconds"] = round(now - _BEGAN[self._path], 3)
            beside.write_text(json.dumps(told), encoding="utf-8")
            beside.replace(self._path)


@contextmanager
def _alive(path: Path) -> Iterator[None]:
    """On a full disk, let a file's time alone say that there is life: whoever has results to write says what fails."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        with suppress(FileNotFoundError):
            os.utime(path)


def _mix(old: float | None, new: float, keep: float) -> float:
    return new if old is None else keep * old + (1 - keep) * new
