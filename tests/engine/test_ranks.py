import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from drdoctl.engine import ranks as ranks_module
from drdoctl.engine.ranks import Exits, Ranks, _rank, be_named, kill_group, last_heard


def test_a_dead_rank_is_seen_before_anyone_waits_for_it(tmp_path):
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
        assert ranks.stuck(tmp_path / "beats") == "rank 1 is stopped"
        (tmp_path / "beats").mkdir()
        (tmp_path / "beats" / "1").write_text("3")
        assert ranks.stuck(tmp_path / "beats").startswith("rank 1 is stopped; rank 1 was last heard of 0.")
        os.kill(victim, signal.SIGKILL)
        time.sleep(0.1)
        assert ranks.look() == (1, 9)
    finally:
        kill_group(launcher)
        launcher.stdout.close()


def test_a_forked_rank_is_known_after_its_end():
    """Of a process that has ended and was not waited for, the kernel still tells the name."""
    pid = os.fork()
    if pid == 0:
        be_named(3)
        os._exit(9)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert _rank(pid) == 3
    os.waitpid(pid, 0)


@pytest.mark.parametrize(("leader", "seen"), [(["S"], (1, 9)), (["Z"], None), ([], None)])
def test_ranks_that_die_with_their_leader_are_not_the_cause(monkeypatch, leader, seen):
    """A dead rank is told as long as the process that started it is there; else that one was struck."""
    ranks = Ranks(7, 2, SimpleNamespace())
    ranks.known = {8: 0, 9: 1}
    monkeypatch.setattr(ranks_module, "_stat", {7: leader, 8: ["S", "0"], 9: ["Z", "9"]}.__getitem__)
    assert ranks.look() == seen


def test_of_several_dead_ranks_the_one_that_a_signal_killed_is_the_cause(monkeypatch):
    """The others fail because of it, with an exit code of their own, and may be the first that are looked at."""
    ranks = Ranks(7, 2, SimpleNamespace())
    ranks.known = {8: 0, 9: 1}
    monkeypatch.setattr(ranks_module, "_stat", {7: ["S"], 8: ["Z", "256"], 9: ["Z", "9"]}.__getitem__)
    assert ranks.look() == (1, 9)


def test_who_has_been_silent_longest_comes_first(tmp_path):
    """Each process is named with its step; what is no process's file, or not whole, is left out."""
    for rank, (step, age) in {"0": ("7", 60), "1": ("6", 75.5), "2": ("", 80), "x": ("1", 90)}.items():
        (tmp_path / rank).write_text(step)
        os.utime(tmp_path / rank, (1000 - age, 1000 - age))
    assert last_heard(tmp_path, now=1000) == [
        "rank 1 was last heard of 75.5 s ago, after step 6",
        "rank 0 was last heard of 60.0 s ago, after step 7",
    ]
    assert last_heard(tmp_path / "none") == []


def test_stacks_are_asked_for(tmp_path):
    """A process that registered for it writes where its threads are; one that is gone is passed over."""
    log = tmp_path / "log.txt"
    program = "import faulthandler, signal, time\nfaulthandler.register(signal.SIGUSR2)\n"
    program += "def waiting():\n    print('up', flush=True)\n    time.sleep(60)\nwaiting()"
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=file)
    process.stdout.readline()
    ranks = Ranks(process.pid, 2, Exits(process))
    ranks.known = {process.pid: 0, 2**22 + 1: 1}
    ranks.tell_stacks()
    process.kill()
    process.wait()
    process.stdout.close()
    assert "in waiting" in log.read_text()


def test_an_end_wakes_the_waiter():
    """Waiting ends with the process, not with the time given; without one left, it lasts that time."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    exits = Exits(process)
    began = time.monotonic()
    exits.wait(30)
    assert time.monotonic() - began < 10
    process.wait()
    exits.close()
