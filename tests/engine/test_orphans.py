"""Whatever is killed, nothing is left at work: children of an apply that is gone end, and never work for the next."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from waiting import wait_until

from drdoctl.core.errors import Stopped
from drdoctl.engine import launch, worker
from drdoctl.engine.execute import Options, execute
from drdoctl.engine.ranks import _children, _stat
from drdoctl.plan.types import Plan
from drdoctl.stages import Job
from drdoctl.store.run import Run


def alive(pid):
    """Whether a process runs; one that has ended and was not waited for does not."""
    return _stat(pid)[:1] not in ([], ["Z"], ["X"])


def at_work(store, stage="data"):
    """Return the processes whose command line names the job of a stage in progress."""
    found = subprocess.run(["pgrep", "-f", f"{store.artifacts}/{stage}-"], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def test_a_child_of_an_apply_that_is_gone_does_not_work_for_the_next(store, start_apply):
    """Killed before its child has read its job: when the child does, it is the next apply's, and is left alone."""
    first = start_apply(store.root, 12, 0.3, FAKE_LATE="2.5")
    (orphan,) = wait_until(lambda: at_work(store))
    first.kill()
    first.wait()
    second = start_apply(store.root, 12, 0.3)
    log = wait_until(lambda: next(store.artifacts.glob("data-*/log.txt"), None))
    wait_until(lambda: "from step" in log.read_text())
    assert alive(orphan), "it began too early to prove anything"
    wait_until(lambda: not alive(orphan))
    time.sleep(0.3)
    assert second.poll() is None
    assert log.read_text().count("from step") == 1


def test_another_starts_job_is_not_touched(tmp_path):
    """A child, or a launcher, with another ticket than the job's ends at once and leaves nothing in the folder."""
    job = Job("sft", "sft", "sft-1", {}, {}, {}, {}, str(tmp_path), parent=os.getpid(), ticket="theirs")
    (tmp_path / "job.json").write_text(json.dumps(asdict(job)))
    for module in (worker.__name__, launch.LAUNCHER):
        words = [sys.executable, "-m", module, "--module", "x", str(tmp_path / "job.json"), "ours"]
        done = subprocess.run(words, capture_output=True, start_new_session=True, check=False)
        assert done.returncode == worker.FOREIGN, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


def test_what_is_tied_ends_with_whoever_started_it():
    """The kernel ends a tied process with its parent, even one that is stopped; one that came too late ends itself."""
    child = "from drdoctl.engine.worker import tie; tie(int(sys.argv[1])); print('tied', flush=True); time.sleep(60)"
    parent = "import subprocess, sys; program = 'import sys, time; ' + sys.argv[1]\n"
    parent += "import os; child = subprocess.Popen([sys.executable, '-c', program, str(os.getpid())])\n"
    parent += "print(child.pid, flush=True); child.wait()"
    words = [sys.executable, "-c", parent, child]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as started:
        pid = int(started.stdout.readline())
        assert started.stdout.readline() == "tied\n"
        os.kill(pid, signal.SIGSTOP)
        started.kill()
    wait_until(lambda: not alive(pid))
    late = [sys.executable, "-c", f"import sys, time; {child}", str(os.getpid() + 1)]
    assert subprocess.run(late, check=False, timeout=30).returncode == -signal.SIGKILL


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 75), (signal.SIGINT, 130)])
@pytest.mark.parametrize("late", ["0", "1"])
def test_a_signal_to_the_child_is_a_wish_from_its_first_moment_on(store, start_apply, number, code, late):
    """The child saves and ends, the apply with the contract's code, even where the child could not hear it yet."""
    process = start_apply(store.root, 30, 0.1, FAKE_LATE=late)
    if late == "0":
        wait_until(lambda: list(store.artifacts.glob("data-*/checkpoints/step-2/manifest.json")))
    (child,) = wait_until(lambda: at_work(store))
    os.kill(child, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "`data` was stopped at step" in err


@pytest.fixture
def hit(store, toy):
    """Return a function that runs an SFT stage of two processes, and does something to them at its first checkpoint."""

    def run(act):
        plan = Plan({"name": "toy"}, toy.chain(40, 0.1).stages[:2])
        found = {}

        def view(event, fields):
            if event == "stage_checkpoint" and fields["id"] == "sft" and not found:
                (found["launcher"],) = [pid for pid in _children(os.getpid()) if launch.LAUNCHER in words_of(pid)]
                found["ranks"] = _children(found["launcher"])
                act(**found)

        options = Options({**toy.RESOURCES, "processes": 2}, "toy")
        try:
            return execute(plan, store, Run.start(store, "toy"), view, options)
        finally:
            wait_until(lambda: not any(alive(pid) for pid in found["ranks"]))

    return run


def words_of(pid):
    """Return a process's command line."""
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


@pytest.mark.slow
def test_without_the_launcher_no_rank_goes_on(hit):
    """When the launcher alone is killed, its ranks end too, and the stage has failed."""
    outcome = hit(lambda launcher, ranks: os.kill(launcher, signal.SIGKILL))
    assert "`sft` was killed by signal 9" in outcome.failed["sft"].faults[0].message


@pytest.mark.slow
def test_a_signal_to_the_launcher_is_a_wish_too(hit):
    """SIGUSR1, which would kill DeepSpeed's launcher: both ranks save and end, and the code asks to be requeued."""
    with pytest.raises(Stopped) as stopped:
        hit(lambda launcher, ranks: os.kill(launcher, signal.SIGUSR1))
    assert stopped.value.exit_code == 75


@pytest.mark.slow
def test_kill_9_of_the_apply_ends_launcher_and_ranks(store, toy, start_apply):
    """With two ranks under the launcher, no process is left either, and the stage can be gone on with."""
    process = start_apply(store.root, 40, 0.05, FAKE_PROCESSES="2")
    wait_until(lambda: list(store.artifacts.glob("sft-*/checkpoints/step-2/manifest.json")), 60)
    pids = at_work(store, "sft")
    assert len(pids) == 3
    process.kill()
    process.wait()
    wait_until(lambda: not any(alive(pid) for pid in pids), 10)
    want = toy.chain(40, 0.05).stages[1].want
    assert store.open_partial(want)[1]
