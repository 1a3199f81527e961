"""One process of a stage: its rank, its device, its threads, and the process group."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch._C._distributed_c10d import HashStore

from drdoctl.core.errors import StageFailed


@dataclass(frozen=True)
class World:
    """This process among its peers."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process writes what all share."""
        return self.rank == 0

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """Sum a float64 vector over all processes."""
        if self.size > 1:
            on_device = values.to(self.device)
            dist.all_reduce(on_device)
            return on_device.cpu()
        return values

    def barrier(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            dist.barrier()


def _device(wanted: str, local_rank: int) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise StageFailed(
            "`resources.device` is `cuda`, but torch sees no CUDA device",
            code="no-device",
            hint="use `--set resources.device=cpu`, or install torch for this machine's driver",
        )
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def share(cores: Sequence[int], place: int, processes: int) -> list[int]:
    """Return the cores of one process among several: as many for each, in order; none where there are too few."""
    each = len(cores) // processes
    return list(cores[place * each : (place + 1) * each])


def start(resources: Mapping[str, Any], seed: int, *, group: bool = False) -> World:
    """Settle threads, seeds and device; with `group`, join the process group that DeepSpeed trains in.

    One process needs no port: an in-memory store serves the group of one. A group that is there already is used again.
    """
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    local_rank = int(os.environ.setdefault("LOCAL_RANK", str(rank)))
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    own = share(usable, local_rank, size)
    if resources.get("pin_threads") and own and size > 1 and sys.platform == "linux":
        os.sched_setaffinity(0, own)  # threads that torch starts from here on inherit it
    torch.set_num_threads(resources.get("threads") or max(1, len(own)))
    random.seed(seed)
    np.random.seed(seed % (1 << 32))  # noqa: NPY002 -- libraries below us use the global stream
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    # nothing here reads memory before writing it; filling every new tensor takes 1 % of an alignment step
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # made at run time
    device = _device(resources.get("device", "auto"), local_rank)
    if group:
        _join(device, rank, size)
    return World(rank, size, device)


def _join(device: torch.device, rank: int, size: int) -> None:
    if dist.is_initialized():
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cpu":
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    if size == 1:
        dist.init_process_group(backend, store=HashStore(), rank=0, world_size=1)
    else:
        dist.init_process_group(backend, rank=rank, world_size=size)
    import deepspeed
    import deepspeed.ops

    # DeepSpeed compiles this operator when it starts on a CPU (26 s, needs a compiler); training never uses it. The
    # table of what it may compile is made here, for on first use it is made by trying a compiler on every operator.
    vars(deepspeed.ops).setdefault("__compatible_ops__", {})["deepspeed_shm_comm"] = False
    deepspeed.init_distributed(dist_backend=backend, auto_mpi_discovery=False)
