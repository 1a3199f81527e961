"""The first process of a stage of several: it starts the others and waits for them.

On a CPU the warm process forks it, and it forks the ranks (`fork`). Else it is DeepSpeed's per-node launcher,
`python -m drdoctl.engine.node OPTIONS --module drdoctl.engine.worker <partial>/job.json TICKET`, with its own options.

Left to itself that outlives the apply, is killed by SIGUSR1, and at SIGTERM gives its processes 30 s and then kills
them. Here it ends with the apply, and a signal is what it is to every process of a stage: the wish to save and stop.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from drdoctl.engine.launch import free_port, place
from drdoctl.engine.ranks import be_named
from drdoctl.engine.signals import heeded
from drdoctl.engine.worker import FOREIGN, ask_to_stop, die_with, end, tie
from drdoctl.stages import Job

SEEN_SECONDS = 1.0
"""How long a rank that died is left as it lies: the apply sees which it was, and the others say what they saw."""


def main() -> None:
    """Start the processes by DeepSpeed's launcher and wait for them; the exit code is the launcher's."""
    path, ticket = sys.argv[-2:]
    _lead(Path(path), ticket)
    from deepspeed.launcher import launch

    launch.main()


def fork(path: Path, ticket: str, count: int, work: Callable[[], int]) -> int:
    """Fork so many processes, each of which ends with what `work` returns, and wait for them.

    Returns 0, or the exit code of one that ended badly (256 less the signal's number, as the launcher's); the others
    are killed then.
    """
    leader, port = os.getpid(), free_port()
    ranks = set()
    for rank in range(count):
        pid = os.fork()
        if pid == 0:
            tie(leader)
            be_named(rank)
            os.environ.update(place(rank, count, port))
            end(work())
        ranks.add(pid)
    _lead(path, ticket)  # not before: it starts threads, and a fork would miss them
    return _wait(ranks)


def _lead(path: Path, ticket: str) -> None:
    """End with the apply, and hear signals; end at once where the job is another start's."""
    job = Job.read(path)
    if job.ticket != ticket:
        end(FOREIGN)
    die_with(job.parent)
    signal.pthread_sigmask(signal.SIG_BLOCK, heeded())  # the launcher's own handlers never see them
    threading.Thread(target=_listen, args=(job,), daemon=True).start()


def _listen(job: Job) -> None:
    while True:
        ask_to_stop(job, signal.Signals(signal.sigwait(heeded())).name)


def _wait(ranks: set[int]) -> int:
    while ranks:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        if ended is None:
            raise ChildProcessError  # only a call that does not wait gives none
        if not ended.si_status:
            os.waitpid(ended.si_pid, 0)  # this very one: another may have ended since, and badly
            ranks.discard(ended.si_pid)
            continue
        time.sleep(SEEN_SECONDS)
        for pid in ranks:
            os.kill(pid, signal.SIGKILL)  # not waited for yet, so none of these numbers is another process's
        return ended.si_status if ended.si_code == os.CLD_EXITED else 256 - ended.si_status
    return 0


if __name__ == "__main__":
    main()
