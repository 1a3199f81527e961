"""The first process of a stage of several that are forked: it starts the ranks, waits for them, and ends with them."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict

import pytest
from waiting import wait_until

from drdoctl.engine.ranks import Exits, Ranks, _stat, kill_group
from drdoctl.engine.signals import held_back
from drdoctl.engine.worker import FOREIGN
from drdoctl.stages import Job

PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from drdoctl.engine import node
from drdoctl.engine.signals import hear
from drdoctl.engine.worker import end

def work():
    rank = os.environ["RANK"]
    names = ("LOCAL_RANK", "WORLD_SIZE", "LOCAL_SIZE", "MASTER_ADDR", "MASTER_PORT")
    Path(sys.argv[1]).with_name(rank).write_text(" ".join(os.environ[name] for name in names))
    hear()
    what = sys.argv[3 + int(rank)]
    if what == "wait":
        time.sleep(60)
    while what != "end" and not Path(sys.argv[1]).with_name("go").exists():
        time.sleep(0.02)
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return int(what) if what.isdigit() else 0

def slowly(*given, waitid=os.waitid):
    found = waitid(*given)
    Path(sys.argv[1]).with_name("go").touch()
    time.sleep(0.5)
    return found

if sys.argv[5:] == ["slowly"]:
    os.waitid = slowly
end(node.fork(Path(sys.argv[1]), sys.argv[2], 2, work))
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts two ranks, which do as they are told."""
    started = []

    def run(first, second, *how, ticket="ours", parent=None):
        job = Job("sft", "sft", "sft-1", {}, {}, {}, {}, str(tmp_path), parent=parent or os.getpid(), ticket="ours")
        (tmp_path / "job.json").write_text(json.dumps(asdict(job)))
        words = [sys.executable, "-c", PROGRAM, str(tmp_path / "job.json"), ticket, first, second, *how]
        with held_back():  # as the warm process is started
            started.append(subprocess.Popen(words, start_new_session=True))
        return started[-1]

    yield run
    for process in started:
        kill_group(process)


def known(process):
    """Return the ranks that are seen below a process, and whoever looks at them."""
    ranks = Ranks(process.pid, 2, Exits(process))
    return wait_until(lambda: ranks.look() is None and len(ranks.known) == 2 and ranks)


def gone(pids):
    """Whether none of these processes is there, or only as one that has ended."""
    return all(_stat(pid)[:1] in ([], ["Z"]) for pid in pids)


def test_every_rank_knows_its_place_and_the_end_is_good_when_all_are(start, tmp_path):
    """Both get torch's variables and one port to meet at; the exit code is 0."""
    assert start("end", "end").wait(60) == 0
    first, second = ((tmp_path / rank).read_text().split() for rank in "01")
    assert first[:4] == ["0", "2", "2", "127.0.0.1"]
    assert second[:4] == ["1", "2", "2", "127.0.0.1"]
    assert first[4] == second[4]
    assert int(first[4]) > 1023


@pytest.mark.parametrize(("what", "code"), [("3", 3), ("kill", 247)])
def test_one_that_ends_badly_ends_the_other(start, tmp_path, what, code):
    """The exit code is its own, or tells its signal as the launcher's would; the one that waits does not stay."""
    process = start("wait", what)
    ranks = known(process)
    (tmp_path / "go").touch()
    assert process.wait(60) == code
    wait_until(lambda: gone(ranks.known))


def test_a_bad_end_while_a_good_one_is_looked_at_is_not_lost(start):
    """The second rank ends well, and before the leader has taken that away, the first is killed: no good end."""
    assert start("kill", "end", "slowly").wait(60) == 256 - signal.SIGKILL


def test_a_dead_rank_is_seen_by_its_number(start):
    """A forked rank is named to the kernel, so that who looks from outside can tell which it was that died."""
    process = start("wait", "wait")
    ranks = known(process)
    assert sorted(ranks.known.values()) == [0, 1]
    victim = next(pid for pid, rank in ranks.known.items() if rank == 1)
    os.kill(victim, signal.SIGKILL)
    assert wait_until(ranks.look) == (1, signal.SIGKILL)
    assert process.wait(60) == 256 - signal.SIGKILL


def test_without_the_first_process_no_rank_goes_on(start):
    """Killed, it takes its ranks along."""
    process = start("wait", "wait")
    ranks = known(process)
    process.kill()
    wait_until(lambda: gone(ranks.known))


def test_without_the_apply_nothing_goes_on(start):
    """When the apply that it works for is gone, it ends, and with it its ranks."""
    with subprocess.Popen(["sleep", "60"]) as apply:
        process = start("wait", "wait", parent=apply.pid)
        ranks = known(process)
        apply.kill()
    assert process.wait(30) == -signal.SIGKILL
    wait_until(lambda: gone(ranks.known))


def test_a_signal_is_the_wish_to_stop(start, tmp_path):
    """It ends nobody, but leaves the file that the ranks look for."""
    process = start("wait", "wait")
    known(process)
    process.send_signal(signal.SIGUSR1)
    wait_until((tmp_path / "stop").exists)
    assert (tmp_path / "stop").read_text() == "SIGUSR1"
    assert process.poll() is None


def test_another_starts_job_is_left_alone(start):
    """With another ticket than the job's it ends at once, whatever its ranks are at."""
    assert start("wait", "wait", ticket="theirs").wait(30) == FOREIGN
