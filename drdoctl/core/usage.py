"""What a stage's processes really took: peak memory and processor seconds, a small file for each process.

The worker writes, the parent reads when the stage has ended well. A resumed stage counts all its attempts.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from drdoctl.core.errors import StageFailed
from drdoctl.core.files import read_json, write_json
from drdoctl.core.progress import Place

USAGE = "usage"
GIB = 2**30


def note(job: Place) -> None:
    """Write this process's peaks. Called once, at its end."""
    path = Path(job.out, USAGE, f"{int(os.environ.get('RANK', '0'))}.json")
    before = read_json(path) or {}
    used = resource.getrusage(resource.RUSAGE_SELF)
    now = {"peak_gib": peak_gib(), "device_peak_gib": _device_peak_gib()}
    found = {name: max(value, float(before.get(name, 0.0))) for name, value in now.items()}
    found["cpu_seconds"] = used.ru_utime + used.ru_stime + float(before.get("cpu_seconds", 0.0))
    with suppress(OSError, StageFailed):  # what was measured is no reason to fail
        write_json(path, found)


def taken(folder: Path) -> dict[str, float]:
    """Return what the processes of a stage took: the largest peaks in GiB, all processor seconds; {} where none wrote.

    `device_peak_gib` is only there where an accelerator was used.
    """
    files = [found for path in sorted((folder / USAGE).glob("*.json")) if isinstance(found := read_json(path), dict)]
    if not files:
        return {}
    out = {name: round(max(float(each[name]) for each in files), 4) for name in ("peak_gib", "device_peak_gib")}
    if not out["device_peak_gib"]:
        del out["device_peak_gib"]
    return {**out, "cpu_seconds": round(sum(float(each["cpu_seconds"]) for each in files), 3)}


def peak_gib() -> float:
    """Return the most memory that this process ever held in RAM, shared libraries included.

    The kernel's own high-water mark: `ru_maxrss` would also count the parent that a process was started from.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / GIB
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB


def _device_peak_gib() -> float:
    """Return the most that torch held on this process's accelerator; 0 where none was used. Imports nothing."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0.0
    return float(torch.cuda.max_memory_reserved()) / GIB
