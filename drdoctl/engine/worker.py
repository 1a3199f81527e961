"""The child's side of one stage: `python -m drdoctl.engine.worker <partial>/job.json TICKET`.

Runs `drdoctl.stages.KIND.run(job)` and tells the parent how it ended: exit code 0; 75 (or 0 and the file `stopped`, in
one of several processes) after a checkpoint that was asked for; else `failure.json` and the exit code in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drdoctl.core.errors import DrdoError, Fault
from drdoctl.core.files import FULL, disk_fault, write_atomic
from drdoctl.core.imports import import_all
from drdoctl.core.progress import STOP, StopRequested, begin
from drdoctl.core.usage import note
from drdoctl.engine.launch import PARALLEL_KINDS
from drdoctl.engine.ranks import STACKS
from drdoctl.engine.signals import hear, heeded
from drdoctl.stages import Job
from drdoctl.store.lock import mark_busy, pid_alive

REQUEUE = 75
FOREIGN = 6
"""Exit code of a child that finds another start's job. Nobody waits for it: its apply is gone."""
NO_ROOM = 74
"""Exit code of a child that could not even leave its faults on a full disk; EX_IOERR of sysexits.h."""
TOKENIZING = ("drdoctl.data._build", "transformers.models.auto.tokenization_auto", "transformers.activations")
"""What the data stage runs: no DeepSpeed, and of transformers the tokenizers and what any model's configuration
imports, 1.3 s, which later stages need not do again where it is done before a fork."""
PARENT_SECONDS = 1.0
PR_SET_PDEATHSIG = 1
OUT_OF_MEMORY = (
    "lower `resources.micro_tokens`, or use `resources.gradient_checkpointing: true` or a higher `resources.zero_stage`"
)

NO_MEMORY = re.compile(r"can(?:no|')t allocate memory|bad_alloc|failed to map segment", re.IGNORECASE)
"""What torch, the C++ library and the system's loader say where there is no memory left."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one stage in this process and return the exit code."""
    path, ticket = (sys.argv[1:] if argv is None else argv)[-2:]
    busy = mark_busy(Path(path))  # so that the next apply does not work in the folder beside us, should ours be killed
    job = Job.read(Path(path))
    if job.ticket != ticket:  # ours was killed before we came to this, and the folder is the next one's already
        return FOREIGN
    die_with(job.parent)
    begin(job, job.spent)
    for wanted in heeded():
        signal.signal(wanted, lambda number, _frame: ask_to_stop(job, signal.Signals(number).name))
    hear()
    faulthandler.register(STACKS, chain=False)
    try:
        import_all(modules(job.kind))
        sys.modules[f"drdoctl.stages.{job.kind}"].run(job)
    except StopRequested:
        write_atomic(job.path("stopped"), _stop_reason(job))
        return REQUEUE if os.environ.get("WORLD_SIZE", "1") == "1" else 0
    except BaseException as error:  # noqa: BLE001  # whatever it is, the parent must hear of it
        return report(job, error)
    finally:
        note(job)
        if busy is not None:
            busy.close()
    return 0


def modules(kind: str) -> list[str]:
    """Return the modules of a stage of this kind: how it is wanted, and what takes long to import of what it runs."""
    computing = [f"drdoctl.train.{kind}"] if kind in PARALLEL_KINDS else []
    return [f"drdoctl.stages.{kind}", *(TOKENIZING if kind == "data" else computing)]


def ask_to_stop(job: Job, name: str) -> None:
    """Put the stop file there, with the signal's name, unless it is there already."""
    if not job.path(STOP).exists():
        with contextlib.suppress(OSError):  # on a full disk it stays empty, and says enough by being there
            job.path(STOP).write_text(name, encoding="ascii")


def report(job: Job, error: BaseException) -> int:
    """Leave the traceback in the log and the faults in `failure.json`, and return the exit code."""
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return 0
    with contextlib.suppress(OSError):  # where the disk has no room for the log, there may be for the faults
        _log(error)
    code = error.exit_code if isinstance(error, DrdoError) else 1
    rank = int(os.environ.get("RANK", "0"))
    failure = {"exit_code": code, "rank": rank, "faults": [as_dict(fault) for fault in _faults(job, error)]}
    beside = job.path(f".failure.{rank}.tmp")
    try:
        beside.write_text(json.dumps(failure, ensure_ascii=False), encoding="utf-8")
        # A link, for it fails where the file is there: the first rank that failed knows the cause, the others follow.
        os.link(beside, job.path("failure.json"))
    except FileExistsError:
        pass
    except OSError as why:
        if why.errno in FULL:
            return NO_ROOM
        traceback.print_exc()
    finally:
        beside.unlink(missing_ok=True)
    return code


def _log(error: BaseException) -> None:
    """Say in the log what went wrong; users are shown the faults."""
    if isinstance(error, DrdoError):
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
    else:
        traceback.print_exception(error)


def as_dict(fault: Fault) -> dict[str, Any]:
    """Return a fault as plain JSON, its place as text."""
    return {**asdict(fault), "where": str(fault.where) if fault.where else None}


def die_with(parent: int) -> None:
    """End this process, and its group, when the apply is gone: at once where the kernel helps, else within a second."""
    if not parent:
        return
    tie()
    _check(parent)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def tie(parent: int | None = None) -> None:
    """Let the kernel (Linux) kill this process as soon as the one that started it is gone.

    `parent`: its process id, where it is known, for it can have gone already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(parent: int) -> None:
    while True:
        time.sleep(PARENT_SECONDS)
        _check(parent)


def _check(parent: int) -> None:
    if not pid_alive(parent):
        os.killpg(0, signal.SIGKILL)


def _faults(job: Job, error: BaseException) -> Sequence[Fault]:
    if isinstance(error, DrdoError):
        return error.faults
    if (fault := disk_fault(error, job.path())) is not None:
        return [fault]
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or NO_MEMORY.search(text):
        return [Fault("out-of-memory", f"out of memory: {text[:300]}", hint=OUT_OF_MEMORY)]
    return [Fault("stage-crashed", f"{type(error).__name__}: {text[:500]}")]


def _stop_reason(job: Job) -> str:
    try:
        return job.path(STOP).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def end(code: int) -> None:
    """End at once: tearing down torch and its threads takes long, and can hang when another rank is gone."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # the disk of the log is full
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    end(main())
