"""A whole command, process start included: its seconds and the peak memory of its largest process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def timed(argv: list[str], tokens: int, pairs: int, folder: str, threads: int) -> dict[str, Any]:
    """Run `python argv`, with `{folder}` and `{threads}` filled in. `tokens`, `pairs`: trained on, all epochs."""
    words = [word.replace("{folder}", folder).replace("{threads}", str(threads)) for word in argv]
    begun = time.perf_counter()
    child = subprocess.Popen([sys.executable, *words], stdin=subprocess.DEVNULL)  # noqa: S603  # our own programs
    _, status, usage = os.wait4(child.pid, 0)  # its own peak, and that of every process that it waited for
    seconds = time.perf_counter() - begun
    if status or not list(Path(folder).rglob("model.safetensors")):
        raise ValueError(f"`{' '.join(words)}` ended with {os.waitstatus_to_exitcode(status)}")
    spent = {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime}
    return {**spent, "pairs": pairs, "tokens": tokens, "peak_mib": usage.ru_maxrss / 1024}
