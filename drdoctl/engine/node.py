"""DeepSpeed's per-node launcher, as the first process of a stage of several.

`python -m drdoctl.engine.node OPTIONS --module drdoctl.engine.worker <partial>/job.json TICKET`, with its own options.

Left to itself it outlives the apply, is killed by SIGUSR1, and at SIGTERM gives its processes 30 s and then kills them.
Here it ends with the apply, and a signal is what it is to every process of a stage: the wish to save and stop.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from drdoctl.engine.signals import heeded
from drdoctl.engine.worker import FOREIGN, ask_to_stop, die_with, end
from drdoctl.stages import Job


def main() -> None:
    """Start the processes and wait for them; the exit code is the launcher's."""
    path, ticket = sys.argv[-2:]
    job = Job.read(Path(path))
    if job.ticket != ticket:
        end(FOREIGN)
    die_with(job.parent)
    signal.pthread_sigmask(signal.SIG_BLOCK, heeded())  # the launcher's own handlers never see them
    threading.Thread(target=_listen, args=(job,), daemon=True).start()
    from deepspeed.launcher import launch

    launch.main()


def _listen(job: Job) -> None:
    while True:
        ask_to_stop(job, signal.Signals(signal.sigwait(heeded())).name)


if __name__ == "__main__":
    main()
