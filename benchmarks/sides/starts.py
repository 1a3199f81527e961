"""How long a stage takes to its first step: in a process of its own, and forked from the warm one.

Seen from outside, as `drdoctl apply` starts stages: the first line of `metrics.jsonl` says that the first step is done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Protocol

POLL_SECONDS = 0.001
LIMIT_SECONDS = 300.0


class Process(Protocol):
    """A running stage."""

    def poll(self) -> int | None:
        """Return its exit code once it has ended."""
        ...


def _stage(job: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({**job, "out": str(folder)}), encoding="utf-8")
    return folder


def _follow(start: Callable[[], Process | None], folder: Path) -> dict[str, Any]:
    """Start a stage and return the seconds to its first step, and those beyond what a later step takes."""
    begun, ends = time.perf_counter(), []
    process, metrics = start(), folder / "metrics.jsonl"
    if process is None:
        raise ValueError("the warm process did not start the stage")
    while process.poll() is None and time.perf_counter() - begun < LIMIT_SECONDS:
        lines = metrics.read_bytes().count(b"\n") if metrics.exists() else 0
        ends += [time.perf_counter()] * (lines - len(ends))
        time.sleep(POLL_SECONDS)
    if process.poll() != 0 or len(ends) < 3:
        raise ValueError(f"the stage ended with {process.poll()} after {len(ends)} steps: {folder / 'log.txt'}")
    # the last step is left out: the process may end, and its files be complete, between two looks
    step = median(later - earlier for earlier, later in pairwise(ends[:-1]))
    first = ends[0] - begun
    return {"seconds": first, "step": step, "overhead": first - step}


def cold(job: dict[str, Any], folder: str, threads: int) -> dict[str, Any]:
    """Start the stage in a process of its own."""
    from drdoctl.engine.launch import start

    del threads  # the job's own
    stage = _stage(job, Path(folder, "stage"))
    return _follow(lambda: start(stage, job["kind"], job["resources"], offline=True), stage)


def warm(job: dict[str, Any], folder: str, threads: int) -> dict[str, Any]:
    """Start the stage twice from one warm process, and time the second."""
    from drdoctl.engine.launch import environment
    from drdoctl.engine.warm import Warm

    del threads
    parent = Warm(environment(job["kind"], job["resources"], offline=True))
    try:
        for name in ("first", "second"):
            stage = _stage(job, Path(folder, name))
            record = _follow(
                lambda stage=stage: parent.start(stage / "job.json", stage / "log.txt", lambda: False), stage
            )
    finally:
        parent.close()
    return record
