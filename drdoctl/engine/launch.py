"""The parent's side of starting one stage: command line, environment, log file.

Each stage has a child of its own, so memory, threads and process groups of one never reach another. One process is
started directly; several go through DeepSpeed's per-node launcher, which sets RANK and LOCAL_RANK and ends all when one
fails. The same worker runs either way, also where a warm process forks it in place of all this. A launcher for one
process would add nothing but an interpreter that imports torch and deepspeed and looks once a second whether its child
has ended: 3 to 6 s for each stage.

POSIX only: sessions, flock and signals are used throughout. On Windows, use WSL.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import site
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import drdoctl
from drdoctl.core.allocator import ALLOCATOR
from drdoctl.core.files import disk_errors
from drdoctl.core.processor import blas
from drdoctl.engine.signals import held_back
from drdoctl.stages import Job
from drdoctl.store.manifest import cores

WORKER = "drdoctl.engine.worker"
LAUNCHER = "drdoctl.engine.node"
PARALLEL_KINDS = frozenset({"sft", "oracle", "rewards", "logps", "align", "evaluate"})
FORKED_KINDS = PARALLEL_KINDS | {"data"}
NVIDIA = ("/dev/nvidiactl", "/dev/dxg")
"""Device files of the NVIDIA driver, natively and under WSL: a cheap sign of CUDA that needs no torch."""
LOG_TAIL = 20


def processes(kind: str, resources: Mapping[str, Any]) -> int:
    """Return how many processes a stage of this kind gets."""
    return int(resources["processes"]) if kind in PARALLEL_KINDS else 1


def threads(kind: str, resources: Mapping[str, Any]) -> int:
    """Return the CPU threads of each process: as asked, or the usable cores shared out."""
    return int(resources["threads"] or max(1, cores() // processes(kind, resources)))


def can_fork(kind: str, resources: Mapping[str, Any]) -> bool:
    """Whether a stage may be forked from a warm process: on Linux, without CUDA (its context dies in a fork)."""
    if kind not in FORKED_KINDS or sys.platform != "linux":
        return False
    return resources["device"] == "cpu" or (resources["device"] == "auto" and not cuda_likely(os.environ))


def start(folder: Path, job: Job, *, offline: bool) -> subprocess.Popen[bytes]:
    """Start the child of the stage whose `job.json` lies in `folder`, leading a process group of its own."""
    count = processes(job.kind, job.resources)
    with disk_errors(folder / "log.txt"), (folder / "log.txt").open("ab") as log, held_back():
        return subprocess.Popen(  # noqa: S603  # our own program
            command(folder / "job.json", job.ticket, count),
            env=environment(job.kind, job.resources, offline=offline),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def command(job: Path, ticket: str, count: int) -> list[str]:
    """Return the child's command line for `count` processes."""
    if count == 1:
        return [sys.executable, "-u", "-m", WORKER, str(job), ticket]
    world = base64.urlsafe_b64encode(json.dumps({"localhost": _devices(count)}).encode()).decode()
    launcher = [sys.executable, "-u", "-m", LAUNCHER, f"--world_info={world}"]
    meeting = ["--master_addr=127.0.0.1", f"--master_port={free_port()}"]
    return [*launcher, *meeting, "--no_local_rank", "--module", WORKER, str(job), ticket]


def environment(kind: str, resources: Mapping[str, Any], *, offline: bool) -> dict[str, str]:
    """Return the child's environment: the user's own, with what must be settled before its imports."""
    env = dict(os.environ)
    each = str(threads(kind, resources))
    env.update(
        OMP_NUM_THREADS=each,
        MKL_NUM_THREADS=each,
        # threads that the warm process started would be missing in its forks; the data stage asks for them itself
        TOKENIZERS_PARALLELISM="false",
        RAYON_NUM_THREADS=each,
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        PYTHONHASHSEED="0",
        PYTHONSAFEPATH="1",  # a `datasets.py` in the user's folder must not be taken for the library
        PYTHONUNBUFFERED="1",
        CUBLAS_WORKSPACE_CONFIG=":4096:8",  # else cuBLAS is not deterministic
    )
    # threads that spin while they wait make a step ten times slower as soon as anything else wants the cores
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    env = {**ALLOCATOR, **env, **blas(env)}
    if offline:
        env.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    if not str(Path(drdoctl.__file__).resolve()).startswith(str(Path(site.getusersitepackages()).resolve())):
        env["PYTHONNOUSERSITE"] = "1"
    if resources["device"] == "cpu":
        env["CUDA_VISIBLE_DEVICES"] = ""
    if resources["device"] == "cpu" or not cuda_likely(env):
        env["DS_ACCELERATOR"] = "cpu"
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):  # a batch system's, which would be taken for ours
        env.pop(name, None)
    if processes(kind, resources) == 1:
        env.update(place(0, 1))
    return env


def place(rank: int, count: int, port: int | None = None) -> dict[str, str]:
    """Return which process of so many on this machine one is, and at which port they meet: as DeepSpeed's launcher."""
    meeting = {} if port is None else {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_SIZE": str(count), **meeting}


def cuda_likely(env: Mapping[str, str]) -> bool:
    """Whether a CUDA device may be there; the child, which has torch, decides for good."""
    if env.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    return any(Path(path).exists() for path in NVIDIA) or shutil.which("nvidia-smi") is not None


def log_tail(log: Path, lines: int = LOG_TAIL, *, since: int = 0) -> list[str]:
    """Return the last lines of a log, without reading all of it. `since`: bytes at its front that are left out."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - 64 * 1024))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def _devices(count: int) -> list[int | str]:
    """Return the accelerators to use: the first of those that CUDA_VISIBLE_DEVICES leaves, else 0, 1, ..."""
    shown = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    if len(shown) >= count:
        return [int(name) if name.isdigit() else name for name in shown[:count]]
    return list(range(count))


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
