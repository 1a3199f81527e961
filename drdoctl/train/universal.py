"""Going on with another number of processes, through DeepSpeed's universal checkpoints (arXiv 2406.18820).

ZeRO shares the optimizer's state among the processes, so its shards fit only as many as wrote them. The universal form
has a file for each parameter, of which every process takes its part. Without ZeRO one process writes all, for any
number. The rows of a step are the same whatever the processes; their sums are added up in another order, so the result
is no longer the same bit for bit.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from drdoctl.core.files import disk_errors
from drdoctl.train.runtime import World

FOLDER = "universal"
"""Beside the checkpoints: it is made anew for each such resume, and removed after it."""


@contextlib.contextmanager
def universal(engine: Any, checkpoint: Path, world: World) -> Iterator[Path]:
    """Give the folder from which `engine.load_checkpoint` restores a checkpoint of any number of processes."""
    if not engine.zero_optimization_stage():
        yield checkpoint
        return
    folder = checkpoint.parent / FOLDER / checkpoint.name
    if world.first:
        with disk_errors(folder):
            _convert(checkpoint, folder)
    world.barrier()
    config = engine._config  # noqa: SLF001 -- else it would have to be known before the engine is made
    config.load_universal_checkpoint = True
    with _mended(engine.optimizer):
        yield folder
    config.load_universal_checkpoint = False
    world.barrier()
    if world.first:
        shutil.rmtree(folder.parent, ignore_errors=True)


@contextlib.contextmanager
def _mended(optimizer: Any) -> Iterator[None]:
    """Put right what ZeRO 3 of DeepSpeed 0.19 gets wrong when it loads.

    Every group of parameters gets the first one's settings, its weight decay too, and all share one tensor that counts
    the steps, to which each of them adds.
    """
    groups = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    yield
    for group, settings in zip(optimizer.param_groups, groups, strict=True):
        group.update(settings)
    for state in optimizer.optimizer.state.values():
        if isinstance(state.get("step"), Tensor):
            state["step"] = state["step"].clone()


def _convert(checkpoint: Path, folder: Path) -> None:
    from deepspeed.checkpoint import ds_to_universal

    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    given = Namespace(
        input_folder=str(checkpoint),
        output_folder=str(folder),
        num_extract_workers=1,
        num_merge_workers=1,
        keep_temp_folder=False,
        strict=True,
        inject_missing_state=True,
    )
    with Path(os.devnull).open("w") as bars, contextlib.redirect_stdout(bars), contextlib.redirect_stderr(bars):
        ds_to_universal.main(given)
