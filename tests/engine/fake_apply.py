"""Apply a small made-up plan: `python fake_apply.py STORE [STEPS [SECONDS]]`. Prints the events."""

import os
import sys
from pathlib import Path

from drdoctl.core.errors import DrdoError
from drdoctl.engine import launch
from drdoctl.engine.execute import Options, execute
from drdoctl.plan.types import Estimate, Plan, PlannedStage, Reason
from drdoctl.stages import Want
from drdoctl.store.artifact import Store
from drdoctl.store.lock import hold
from drdoctl.store.run import Run

GRACE = float(os.environ.get("FAKE_GRACE", "5")) / 60
PROCESSES = int(os.environ.get("FAKE_PROCESSES", "1"))
RESOURCES = {"processes": PROCESSES, "threads": 1, "device": "cpu", "timeout_minutes": 1.0, "grace_minutes": GRACE}


def chain(steps=3, seconds=0.0):
    """Return a plan of data, sft and align[drdo], each read by the next, and of logps, which only reads data."""
    settings = {"steps": steps, "seconds": seconds}
    data = Want("data", 1, settings)
    sft = Want("sft", 1, settings, {"data": data})
    logps = Want("logps", 1, settings, {"data": data})
    align = Want("align", 1, settings, {"data": data, "sft": sft}, label="drdo")
    stages = [
        PlannedStage(want, "run", Reason("new", "new"), Estimate(steps=steps)) for want in (data, sft, align, logps)
    ]
    return Plan({"name": "toy"}, tuple(stages))


def say(line):
    """Write one line to whoever started this."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main():
    """Hold the store and carry the plan out; the exit code is an apply's."""
    store = Store(Path(sys.argv[1]))
    steps, seconds = int((sys.argv[2:] or ["3"])[0]), float((sys.argv[3:] or ["0"])[0])
    launch.WORKER = "fake_stages"
    try:
        store.prepare()
        with hold(store.root):
            run = Run.start(store, "toy", sys.argv[1:], say)
            options = Options(RESOURCES, "toy", ("apply", "toy.yaml"))
            outcome = execute(
                chain(steps, seconds), store, run, lambda event, _: event == "stopping" and say(event), options
            )
            run.finish(outcome.exit_code)
            return outcome.exit_code
    except DrdoError as error:
        sys.stderr.write(f"{error} {error.faults[0].hint}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
