"""How long a stage takes to its first step: in a process of its own, and forked from the warm one.

Seen from outside, as `drdoctl apply` starts stages: the first line of `metrics.jsonl` says that the first step is done.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from drdoctl.engine.signals import Signals
from drdoctl.engine.start import Starter
from drdoctl.engine.warm import Forked
from drdoctl.stages import Job

POLL_SECONDS = 0.001
LIMIT_SECONDS = 300.0


def _follow(starter: Starter, told: Job, folder: Path, forked: bool) -> dict[str, Any]:
    """Start a stage and return the seconds to its first step, and those beyond what a later step takes."""
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps(asdict(told)), encoding="utf-8")
    begun, ends = time.perf_counter(), []
    process, metrics = starter.start(folder, told, Signals()), folder / "metrics.jsonl"
    if forked and not isinstance(process, Forked):
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
    return _started(job, [Path(folder, "stage")], threads)


def warm(job: dict[str, Any], folder: str, threads: int) -> dict[str, Any]:
    """Start the stage twice from one warm process, and time the second."""
    return _started(job, [Path(folder, "first"), Path(folder, "second")], threads)


def _started(job: dict[str, Any], folders: list[Path], threads: int) -> dict[str, Any]:
    """Run the stage once in each folder, as `apply` starts stages, and return the last one's record."""
    told = Job(**{**job, "warnings": (), "parent": os.getpid()})
    if told.resources["threads"] != threads:
        raise ValueError(f"the job has {told.resources['threads']} threads, the measure {threads}")
    starter = Starter(told.resources, offline=True)
    starter.warm_up([told.kind] * len(folders))
    try:
        records = [_follow(starter, replace(told, out=str(one)), one, len(folders) > 1) for one in folders]
    finally:
        starter.close()
    return records[-1]
