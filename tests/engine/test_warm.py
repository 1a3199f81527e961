"""The warm process that forks a child for each stage."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict

import pytest

from drdoctl.engine import launch, start
from drdoctl.engine.signals import EXIT_CODES
from drdoctl.engine.warm import GONE, Answers, Forked, Warm, meanwhile
from drdoctl.engine.worker import FOREIGN
from drdoctl.stages import Job

RESOURCES = {"processes": 1, "threads": 1, "device": "cpu"}


@pytest.fixture
def pipe():
    """Answers from a pipe, and its writing end."""
    read, write = os.pipe()
    yield Answers(read), write
    os.close(read)


def test_answers_come_line_by_line_whatever_the_pieces(pipe):
    """A line that arrives in pieces is one answer; two lines in one piece are two."""
    answers, write = pipe
    os.write(write, b'{"pid": ')
    assert answers.next(0) is None
    os.write(write, b'7}\n{"code": 0}\n')
    assert answers.next(0) == {"pid": 7}
    assert answers.next(None) == {"code": 0}
    os.close(write)
    assert answers.next(None) == {}


def test_forked_process_waits_like_any_other(pipe):
    """It runs until its code is told; a wait that is too short says so; the code stays."""
    answers, write = pipe
    forked = Forked(1, answers)
    assert forked.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        forked.wait(0.01)
    os.write(write, b'{"code": 75}\n')
    assert forked.wait() == forked.poll() == forked.returncode == 75
    os.close(write)


def test_a_dead_warm_process_counts_as_killed(pipe):
    """When nobody is left to tell the code, the stage is taken for killed, and nothing hangs."""
    answers, write = pipe
    os.close(write)
    assert Forked(1, answers).wait() == GONE


def test_what_computes_without_cuda_is_forked():
    """Publishing and CUDA are started directly, everything else is forked, however many processes it has."""
    assert launch.can_fork("align", RESOURCES)
    assert launch.can_fork("data", RESOURCES)
    assert not launch.can_fork("publish", RESOURCES)
    assert launch.can_fork("align", {**RESOURCES, "processes": 2})
    assert not launch.can_fork("align", {**RESOURCES, "device": "cuda"})


def test_a_second_signal_does_not_wait_for_the_imports(tmp_path):
    """Asked to stop at once while it still imports, nothing is forked and nothing waits."""
    warm = Warm(launch.environment("sft", RESOURCES, offline=True))
    began = time.monotonic()
    assert warm.start(tmp_path / "job.json", "", tmp_path / "log.txt", lambda: True) is None
    assert time.monotonic() - began < 1
    warm.close()


def test_what_fails_meanwhile_costs_no_stage():
    """Things are done in turn while a stage runs, whatever one of them raises, and no more once it has ended."""
    done = []
    with subprocess.Popen(["sleep", "30"]) as child:

        def broken() -> None:
            done.append("broken")
            raise ImportError

        def last() -> None:
            done.append("last")
            child.kill()
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        ahead = [broken, last, lambda: done.append("late")]
        meanwhile(ahead, child.pid)
    assert done == ["broken", "last"]
    assert len(ahead) == 1


@pytest.mark.parametrize(
    ("kinds", "processes", "threads"),
    [(["data", "align"], 1, "4"), (["data", "publish"], 2, None), (["data", "align"], 2, "2"), (["align"], 2, "2")],
)
def test_the_warm_process_is_there_for_two_processes_and_more(monkeypatch, kinds, processes, threads):
    """It starts with the threads of a stage that has the most processes; for one process there is none."""
    monkeypatch.setattr(launch, "cores", lambda: 4)
    monkeypatch.setattr(start, "Warm", lambda env: env)
    starter = start.Starter({"processes": processes, "threads": None, "device": "cpu"}, offline=True)
    starter.warm_up(kinds)
    assert (starter._warm and starter._warm["OMP_NUM_THREADS"]) == threads


def test_a_stage_has_the_threads_of_its_kind(tmp_path):
    """Data are read by one process with all cores, though the warm one was made for ranks that share them."""
    job = Job("data", "data", "data-1", {}, {}, {}, {**RESOURCES, "processes": 2, "threads": None}, str(tmp_path))
    (tmp_path / "job.json").write_text(json.dumps(asdict(job)))
    program = "import os, sys\nfrom pathlib import Path\nfrom drdoctl.engine import launch, warm\n"
    program += "launch.cores = lambda: 6\nnames = ('RAYON_NUM_THREADS', 'RANK', 'WORLD_SIZE')\n"
    program += "warm.main = lambda _: print(*map(os.environ.get, names)) or 0\n"
    program += "job, log = (Path(sys.argv[1], name) for name in ('job.json', 'log.txt'))\n"
    program += "order = {'job': str(job), 'ticket': '', 'log': str(log)}\n"
    program += "warm._become_stage(order, warm.Job.read(job), os.getppid())"
    env = launch.environment("align", job.resources, offline=True)
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=env, check=True, start_new_session=False)
    assert (tmp_path / "log.txt").read_text() == "6 0 1\n"


@pytest.mark.slow
def test_a_crash_costs_only_its_stage(tmp_path):
    """Stages that crash are processes with logs and failures of their own; a dead warm process says no.

    A signal that asks for a stop does not end the warm process, and another start's job is left alone.
    """
    warm = Warm(launch.environment("sft", RESOURCES, offline=True))
    pids = set()
    for number in EXIT_CODES:
        os.kill(warm._process.pid, number)
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        job = Job("sft", name, name, {}, {}, {}, RESOURCES, str(folder), parent=os.getpid())
        (folder / "job.json").write_text(json.dumps(asdict(job)))
        forked = warm.start(folder / "job.json", "", folder / "log.txt", lambda: False)
        assert forked.wait(60) == 1
        pids.add(forked.pid)
        assert json.loads((folder / "failure.json").read_text())["exit_code"] == 1
        assert "KeyError" in (folder / "log.txt").read_text()
    assert len(pids) == 2
    (tmp_path / "a" / "failure.json").unlink()
    assert warm.start(tmp_path / "a" / "job.json", "other", tmp_path / "log.txt", lambda: False).wait(60) == FOREIGN
    assert not (tmp_path / "a" / "failure.json").exists()
    warm._process.kill()
    warm._process.wait()
    assert warm.start(tmp_path / "a" / "job.json", "", tmp_path / "log.txt", lambda: False) is None
    warm.close()
