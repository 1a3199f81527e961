"""A process that has imported all that stages need, and forks their processes: a start takes a tenth of a second.

Each line of stdin is an order in JSON: `job` (path), `ticket`, `ranks`, `port`, `seconds`, and maybe `trace` (a file
that gets what each process takes in each step) and `fault`: at which function, at which call, in which rank, after how
many seconds which signal comes. The answer is the ranks' exit codes. Pieces are small, so that toy tables have several.
"""

import json
import os
import signal
import sys
import threading
import time
from functools import reduce
from importlib import import_module
from itertools import count
from pathlib import Path

SMALL = {
    "drdoctl.train.chunks:BATCH_TOKENS": 256,
    "drdoctl.train.chunks:BATCHES_A_CHUNK": 2,
    "drdoctl.train.responses:PIECE_ROWS": (4, 4),
    "drdoctl.data._spool:CHUNK_ROWS": 8,
}

ZERO = (
    "transformers.models.llama.modeling_llama",
    "deepspeed.module_inject.auto_ep_layer",
    "deepspeed.runtime.zero.muon.muon_optimizer",
    "deepspeed.runtime.superoffload.superoffload_stage3",
)
"""What DeepSpeed imports when it starts, at ZeRO stages 1 to 3 above all."""


def owner_of(name):
    """Return the object that holds `module:Class.function`, and the last name."""
    module, _, names = name.partition(":")
    *outer, last = names.split(".")
    return reduce(getattr, outer, import_module(module)), last


def arm(at, call, seconds, number):
    """Let a signal come so many seconds after the call of that number of a function has begun."""
    owner, name = owner_of(at)
    inner, calls = getattr(owner, name), count(1)

    def kill():
        time.sleep(seconds)
        os.kill(os.getpid(), number)

    def struck(*args, **kwargs):
        if next(calls) == call:
            threading.Thread(target=kill, daemon=True).start() if seconds else kill()
        return inner(*args, **kwargs)

    setattr(owner, name, struck)


def trace(path):
    """Write down which rows each process takes in each step."""
    from drdoctl.train.loop import Trainer

    inner = Trainer._outputs

    def outputs(self, source, rows):
        line = {"step": self.step + 1, "rows": self.task.rows.names(rows)}
        with Path(path).open("a") as file:
            file.write(json.dumps(line) + "\n")
        return inner(self, source, rows)

    Trainer._outputs = outputs


def become(order, rank):
    """Be one rank of a stage; never return."""
    os.setsid()
    size = str(order["ranks"])
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=size, LOCAL_WORLD_SIZE=size)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(order["port"]))
    out = os.open(Path(order["job"]).with_name("log.txt"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for target, handle in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, out)):
        os.dup2(handle, target)
    from drdoctl.engine.worker import die_with, end, main

    die_with(os.getppid())
    fault = order.get("fault")
    if fault and fault["rank"] == rank:
        arm(fault["at"], fault["call"], fault["seconds"], fault["number"])
    if order.get("trace"):
        trace(order["trace"])
    end(main([order["job"], order["ticket"]]))


def wait(pids, seconds):
    """Return the exit codes. When one process ends badly, or time is up, the others are killed."""
    codes, deadline = {}, time.monotonic() + seconds
    while len(codes) < len(pids):
        for pid in pids:
            if pid not in codes and (ended := os.waitpid(pid, os.WNOHANG))[0]:
                codes[pid] = os.waitstatus_to_exitcode(ended[1])
        if any(codes.values()) or time.monotonic() > deadline:
            for pid in pids:
                if pid not in codes:
                    os.kill(pid, signal.SIGKILL)
                    codes[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        time.sleep(0.005)
    return [codes[pid] for pid in pids]


def serve():
    """Carry out one order after the other."""
    answers = os.dup(1)
    os.dup2(2, 1)
    from drdoctl.engine import warm

    warm.import_all([*warm.AHEAD, *ZERO])
    for name, value in SMALL.items():
        owner, last = owner_of(name)
        assert hasattr(owner, last), name
        setattr(owner, last, value)
    for line in sys.stdin:
        order, pids = json.loads(line), []
        for rank in range(order["ranks"]):
            pid = os.fork()
            if pid == 0:
                become(order, rank)
            pids.append(pid)
        os.write(answers, json.dumps(wait(pids, order["seconds"])).encode() + b"\n")


if __name__ == "__main__":
    serve()
