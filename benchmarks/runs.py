"""Runs the sides of a measurement in turn, A B A B, each in a fresh process with the same threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Settings:
    """How much is measured, and with what."""

    work: Path
    """Folder for models, data and stores; kept between runs."""
    rounds: int = 5
    """Interleaved runs of every side."""
    warmup: int = 2
    """Steps of each run that are not timed."""
    steps: int = 8
    """Steps of each run that are timed."""
    threads: int = 1
    """Threads of each side."""
    rows: int = 256
    """Preference pairs of a world."""
    cpu: bool = False
    """Whether processor seconds stand for seconds: with one thread a side, what other work on the machine spares."""
    quick: bool = False
    """A smoke run: one round, tiny models, no figure to quote."""
    smollm2: Path | None = None
    """SmolLM2-135M as a Hugging Face folder."""
    ultrafeedback: Path | None = None
    """UltraFeedback pairs: JSON lines with `prompt`, `chosen`, `rejected`, gzipped or not."""


@dataclass(frozen=True)
class Side:
    """One program to measure: a function called in a fresh process, or a whole command."""

    target: str
    """`module:function`; it returns the record."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] | None = None
    """Without it, the plain environment with the threads pinned."""


class SideFailed(Exception):
    """A side ended without a record; the message holds the end of its output."""


def plain_environment(threads: int) -> dict[str, str]:
    """Return the environment of a peer: threads pinned, no network, no accelerator."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "CUDA_VISIBLE_DEVICES": "",
    }


def run(side: Side, settings: Settings) -> dict[str, Any]:
    """Run one side and return its record. Raises SideFailed."""
    with tempfile.TemporaryDirectory(prefix="side-", dir=settings.work) as folder:
        result, log = Path(folder, "record.json"), Path(folder, "log.txt")
        environment = side.environment or plain_environment(settings.threads)
        arguments = json.dumps({**side.arguments, "folder": folder, "threads": settings.threads})
        begun = time.perf_counter()
        with log.open("wb") as sink:
            child = subprocess.run(  # noqa: S603  # our own program
                [sys.executable, "-m", "benchmarks.side", side.target, arguments, str(result)],
                env={**environment, "PYTHONPATH": str(ROOT), "TMPDIR": folder},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if child.returncode or not result.exists():
            raise SideFailed(f"{side.target} ended with {child.returncode}:\n{_tail(log)}")
        record = json.loads(result.read_text(encoding="utf-8"))
        if settings.cpu and "cpu_seconds" in record:
            record["seconds"] = record["cpu_seconds"]
        return {**record, "process_seconds": time.perf_counter() - begun}


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def interleaved(sides: Mapping[str, Side], settings: Settings) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield (round, side, record), all sides in turn in every round, so that what else the machine does hits all."""
    for number in range(settings.rounds):
        for name, side in sides.items():
            yield number, name, run(side, settings)
