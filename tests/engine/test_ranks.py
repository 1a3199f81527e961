import os
import signal
import subprocess
import sys
import time

from drdoctl.engine.ranks import Exits, Ranks, kill_group


def test_a_dead_rank_is_seen_before_anyone_waits_for_it():
    """The rank of a launcher's child that died of a signal is known from its environment and its exit status."""
    program = "import os, subprocess, sys, time\n"
    program += "for rank in '01': subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], "
    program += "env={**os.environ, 'RANK': rank})\n"
    program += "print('up', flush=True); time.sleep(60)"
    launcher = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    try:
        launcher.stdout.readline()
        ranks = Ranks(launcher.pid, 2, Exits(launcher))
        deadline = time.monotonic() + 10
        while len(ranks.known) < 2 and time.monotonic() < deadline:
            assert ranks.look() is None
        assert sorted(ranks.known.values()) == [0, 1]
        victim = next(pid for pid, rank in ranks.known.items() if rank == 1)
        os.kill(victim, signal.SIGSTOP)
        time.sleep(0.1)
        assert ranks.stuck() == "rank 1 is stopped"
        os.kill(victim, signal.SIGKILL)
        time.sleep(0.1)
        assert ranks.look() == (1, 9)
    finally:
        kill_group(launcher)
        launcher.stdout.close()


def test_an_end_wakes_the_waiter():
    """Waiting ends with the process, not with the time given; without one left, it lasts that time."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    exits = Exits(process)
    began = time.monotonic()
    exits.wait(30)
    assert time.monotonic() - began < 10
    process.wait()
    exits.close()
