"""A real apply with two processes a stage, all forked from one warm process: killed, gone on with, the same bytes."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

from drdoctl import cli
from drdoctl.engine import launch
from drdoctl.engine.ranks import _children, named

SPEC = """\
version: 1
name: two
data: {source: {name: notes, train: 64, prompts: 8}, max_prompt_tokens: 48, max_tokens: 80}
student:
  model: {model_type: llama, hidden_size: 32, layers: 1, heads: 2, max_positions: 128}
  sft: {max_steps: 4, global_batch: 8}
oracle: {model: sft, max_steps: 4, global_batch: 8}
method: {name: drdo}
train: {max_steps: 200, global_batch: 8}
resources: {device: cpu, threads: 1, processes: 2, zero_stage: 1, checkpoint_steps: 10}
"""


def forked():
    """Return the ranks at work below this process: number -> process id."""
    found, left = {}, [os.getpid()]
    while left:
        for pid in _children(left.pop()):
            left.append(pid)
            if (rank := named(pid)) is not None:
                found[rank] = pid
    return found


def kill_second_rank():
    """Wait until the students' training has a whole checkpoint, and kill its second process."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(Path().glob("st/artifacts/align-*/checkpoints/*/manifest.json")):
        time.sleep(0.01)
    os.kill(forked()[1], signal.SIGKILL)


def result(store):
    """Return the student's bytes."""
    (path,) = Path(store, "artifacts").glob("align-*/model.safetensors")
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="ranks are seen in /proc")
def test_two_forked_processes_end_as_if_nobody_had_been_killed(tmp_path, monkeypatch, capsys):
    """No stage is started in a process of its own; a rank that is killed is named, and the next apply goes on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(launch, "start", None)  # whoever started a stage directly would fail
    Path("two.yaml").write_text(SPEC)
    straight = ["apply", "two.yaml", "-y", "--store", "straight"]
    assert cli.run(straight) == 0, capsys.readouterr().err

    killer = threading.Thread(target=kill_second_rank)
    killer.start()
    struck = ["apply", "two.yaml", "-y", "--store", "st"]
    assert cli.run(struck) == 1
    killer.join()
    assert "rank 1 of `align[drdo]` was killed by signal 9" in capsys.readouterr().err
    assert forked() == {}
    assert cli.run(struck) == 0
    assert "resum" in capsys.readouterr().err
    assert result("st") == result("straight")
