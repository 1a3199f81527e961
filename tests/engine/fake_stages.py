"""A real worker around made-up stages, for the engine's tests: steps, checkpoints, stop and faults, without torch.

`python -m fake_stages <partial>/job.json`. A stage hashes its way through `steps` steps, so that a resumed run must
give the bytes of a straight one. The environment asks for trouble: `FAKE_FAULT=crash@3:sft` hits `sft` at its step 3,
and `FAKE_LATE=2` lets the worker begin 2 s late.
"""

import hashlib
import json
import os
import signal
import sys
import time
import types
from pathlib import Path

from drdoctl.core.errors import UserError
from drdoctl.core.progress import Progress, StopRequested, stop_requested
from drdoctl.engine import worker
from drdoctl.stages import KINDS


def fault(job, step):
    """Meet the fault that the environment asks for at this step of this stage."""
    wanted, _, stage = os.environ.get("FAKE_FAULT", "").partition(":")
    kind, _, at = wanted.partition("@")
    rank = os.environ.get("FAKE_RANK", "0")
    if not kind or stage != job.id or int(at) != step or os.environ["RANK"] != rank:
        return
    if kind == "crash":
        message = "the numbers went wrong"
        raise RuntimeError(message)
    if kind == "user":
        raise UserError("row 7 is empty", code="empty-row", hint="delete it")
    if kind == "memory":
        raise MemoryError
    if kind == "full":
        Path(job.out, "big").write_bytes(b"x" * (8 << 20))
    if kind == "hang":
        time.sleep(600)
    os.kill(os.getpid(), {"kill": signal.SIGKILL, "pause": signal.SIGSTOP}[kind])


def run(job):
    """Take the steps that are missing, each a checkpoint, and leave `result.txt` and `metrics.jsonl`."""
    steps, chain, first = job.settings.get("steps", 2), "", 0
    points = sorted(job.path("checkpoints").glob("step-*/manifest.json"), key=lambda path: int(path.parent.name[5:]))
    if points:
        point = json.loads(points[-1].read_text())
        chain, first = point["chain"], point["step"]
    progress = Progress(job, interval=0)
    sys.stdout.write(f"from step {first}\n")
    if note := os.environ.get("FAKE_NOTE"):
        progress.note(note)
    for step in range(first + 1, steps + 1):
        fault(job, step)
        time.sleep(job.settings.get("seconds", 0))
        chain = hashlib.sha256(f"{chain}{step}".encode()).hexdigest()
        progress.update(step, steps, loss=1 / step, tokens=10)
        if os.environ["RANK"] == "0":
            folder = job.path("checkpoints", f"step-{step}")
            folder.mkdir(parents=True)
            folder.joinpath("manifest.json").write_text(json.dumps({"step": step, "chain": chain}))
        progress.checkpointed(step)
        if stop_requested(job) and step < steps:
            raise StopRequested
    if os.environ["RANK"] == "0":
        inputs = {role: Path(path, "result.txt").read_text() for role, path in sorted(job.inputs.items())}
        job.path("result.txt").write_text(json.dumps([chain, inputs]))
        job.path("metrics.jsonl").write_text(
            "".join(json.dumps({"step": n, "loss": 1 / n}) + "\n" for n in range(1, steps + 1))
        )


if __name__ == "__main__":
    time.sleep(float(os.environ.get("FAKE_LATE", "0")))
    for name in [name for kind in KINDS for name in worker.modules(kind)]:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].run = run
    worker.end(worker.main())
