"""What every side measures by: a clock of steps, and the process's peak memory. Runs inside the measured process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any


def peak_mib() -> float:
    """Return this process's peak resident memory in MiB (VmHWM: whole process, since its start)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status has no VmHWM")


def now() -> tuple[float, float]:
    """Return the time, and the processor time of all threads of this process, in seconds."""
    return time.perf_counter(), time.process_time()


def since(begun: tuple[float, float], ended: tuple[float, float] | None = None) -> dict[str, float]:
    """Return `seconds` and `cpu_seconds` from a `now` to a later one, or to this moment."""
    wall, processor = ended or now()
    return {"seconds": wall - begun[0], "cpu_seconds": processor - begun[1]}


class StepClock:
    """Times the steps after the warm-up, from the end of the last warm-up step to the end of the last step."""

    def __init__(self, warmup: int) -> None:
        """`warmup`: steps left out; at least one, for the first step of any engine does work that no other does."""
        self.warmup = max(1, warmup)
        self.ends: list[tuple[float, float]] = []
        self.begun = now()

    def tick(self) -> None:
        """Say that a step has ended."""
        self.ends.append(now())

    def record(self, tokens: list[int], pairs: int, losses: list[float]) -> dict[str, Any]:
        """Return the record of the measured steps.

        `tokens`: unique tokens of every step, warm-up included; `pairs`: rows a step. Raises ValueError where no step
        is left to measure.
        """
        measured = len(self.ends) - self.warmup
        if measured < 1:
            raise ValueError(f"{len(self.ends)} steps with {self.warmup} of warm-up leave nothing to measure")
        return {
            **since(self.ends[self.warmup - 1], self.ends[-1]),
            "steps": measured,
            "pairs": pairs * measured,
            "tokens": sum(tokens[self.warmup : self.warmup + measured]),
            "to_first_step": self.ends[0][0] - self.begun[0],
            "losses": losses,
        }
