import signal
import sys
import time

import pytest

from drdoctl.core.errors import StageFailed, Stopped
from drdoctl.engine import launch
from drdoctl.engine.execute import Options, execute
from drdoctl.plan.types import Plan
from drdoctl.store.run import Run

CPU = {"processes": 1, "threads": None, "device": "cpu"}


@pytest.fixture
def sft_alone(store, toy):
    """Return a function that runs the toy's data stage, and its SFT stage in two processes under the launcher."""

    def run(steps=3, seconds=0.0, view=lambda *_: None):
        plan = Plan({"name": "toy"}, toy.chain(steps, seconds).stages[:2])
        options = Options({**toy.RESOURCES, "processes": 2}, "toy")
        return execute(plan, store, Run.start(store, "toy"), view, options)

    return run


def test_two_processes_share_a_stage_and_data_stays_alone(sft_alone):
    """Under the launcher both ranks work; a `data` stage is never split."""
    outcome = sft_alone()
    assert outcome.failed == {}
    log = (outcome.done["sft"] / "log.txt").read_text()
    assert log.count("from step ") == 2
    assert (outcome.done["data"] / "log.txt").read_text().count("from step ") == 1


def test_the_rank_that_was_killed_is_named(sft_alone, monkeypatch):
    """When rank 1 is lost to a signal, the other ends with it and the error names rank and signal."""
    monkeypatch.setenv("FAKE_FAULT", "kill@2:sft")
    monkeypatch.setenv("FAKE_RANK", "1")
    began = time.monotonic()
    outcome = sft_alone(4, 0.4)
    error = outcome.failed["sft"]
    assert isinstance(error, StageFailed)
    assert "rank 1 of `sft` was killed by signal 9" in error.faults[0].message
    assert "out of memory" in error.faults[0].hint
    assert time.monotonic() - began < 30


def test_a_stop_reaches_both_processes(sft_alone):
    """One signal to the apply: both ranks save and end, and the stage can be gone on with."""
    asked = []

    def interrupt(event, fields):
        if event == "stage_checkpoint" and fields["id"] == "sft" and not asked:
            asked.append(event)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped) as stopped:
        sft_alone(8, 0.3, interrupt)
    assert stopped.value.exit_code == 130
    assert "`sft` was stopped at step" in stopped.value.faults[0].message
    assert sft_alone(8, 0.0).failed == {}


def test_one_process_is_started_without_a_launcher(tmp_path):
    """One process: the interpreter and the worker, nothing between; several: DeepSpeed's per-node launcher."""
    assert launch.command(tmp_path / "job.json", "t", 1)[:4] == [sys.executable, "-u", "-m", launch.WORKER]
    two = launch.command(tmp_path / "job.json", "t", 2)
    assert launch.LAUNCHER in two
    assert two[-4:] == ["--module", launch.WORKER, str(tmp_path / "job.json"), "t"]


def test_the_environment_is_settled_before_imports(monkeypatch):
    """Threads, rank, accelerator, offline mode and safe path are in the child's environment from the start."""
    monkeypatch.setattr(launch, "cores", lambda: 6)
    env = launch.environment("sft", {**CPU, "processes": 3}, offline=True)
    assert (env["OMP_NUM_THREADS"], env["DS_ACCELERATOR"], env["HF_HUB_OFFLINE"]) == ("2", "cpu", "1")
    assert env["PYTHONSAFEPATH"] == "1"
    alone = launch.environment("data", {**CPU, "processes": 3}, offline=False)
    assert (alone["OMP_NUM_THREADS"], alone["RANK"], alone["WORLD_SIZE"]) == ("6", "0", "1")
    # a data stage asks for threads of the tokenizers itself, in its own process
    assert (alone["TOKENIZERS_PARALLELISM"], alone["RAYON_NUM_THREADS"]) == ("false", "6")
    assert env["TOKENIZERS_PARALLELISM"] == "false"


def test_the_allocator_keeps_memory_unless_the_user_says_otherwise(monkeypatch):
    """Freed activations stay with the process; a threshold of the user's own is left alone."""
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    env = launch.environment("align", CPU, offline=True)
    assert (env["MALLOC_TRIM_THRESHOLD_"], env["MALLOC_MMAP_THRESHOLD_"]) == ("131072", str(32 << 20))


@pytest.mark.parametrize(
    ("device", "visible", "driver", "cpu"),
    [("auto", None, True, False), ("auto", None, False, True), ("auto", "", True, True), ("cpu", None, True, True)],
)
def test_the_cpu_is_settled_on_only_where_no_cuda_can_be(monkeypatch, tmp_path, device, visible, driver, cpu):
    """DeepSpeed is told to use the CPU when the spec says so, no driver is there, or its devices are hidden."""
    monkeypatch.setattr(launch, "NVIDIA", (str(tmp_path) if driver else str(tmp_path / "none"),))
    monkeypatch.setattr(launch.shutil, "which", lambda _: None)
    monkeypatch.delenv("DS_ACCELERATOR", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    env = launch.environment("sft", {**CPU, "device": device}, offline=False)
    assert (env.get("DS_ACCELERATOR") == "cpu") is cpu


def test_hidden_accelerators_stay_hidden(monkeypatch):
    """With CUDA_VISIBLE_DEVICES set, the launcher gets those devices, not the first ones of the machine."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,GPU-abc")
    assert launch._devices(3) == [2, 3, "GPU-abc"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert launch._devices(2) == [0, 1]


def test_the_tail_of_a_log_is_its_last_lines(tmp_path):
    """The tail of a large or broken log is its last lines; of none, nothing."""
    log = tmp_path / "log.txt"
    log.write_bytes(b"\xff" * 100_000 + b"\n" + b"\n".join(b"line %d" % n for n in range(50)))
    assert launch.log_tail(log, 2) == ["line 48", "line 49"]
    assert launch.log_tail(log, since=len(log.read_bytes()) - 15) == ["line 48", "line 49"]
    assert launch.log_tail(tmp_path / "none") == []
