"""A disk that is really full while torch, DeepSpeed and safetensors write."""

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("torch")

from safetensors import SafetensorError

from drdoctl.core.errors import StageFailed
from drdoctl.engine import worker
from drdoctl.train import checkpoint, sft

KIB = 1024


@contextlib.contextmanager
def small_disk(place, kib):
    """Mount a disk of so many KiB; gives a function that makes it another size."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield lambda kib: subprocess.run(["mount", "-o", f"remount,size={kib}k", str(place)], check=True)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def result(job):
    """Return the bytes of the weights and of the metrics."""
    return [Path(job.out, name).read_bytes() for name in ("model.safetensors", "metrics.jsonl")]


def size(folder):
    """Return the KiB of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // KIB


@pytest.fixture
def straight(make_job):
    """A run on a disk with room, with a checkpoint at each step."""
    job = make_job("sft", "straight", resources={"checkpoint_steps": 1})
    sft.run(job)
    return job


@pytest.mark.parametrize("room", [0.5, 1.5])
def test_a_checkpoint_that_finds_no_room_is_told_and_costs_nothing(straight, make_job, tmp_path, room):
    """The error names path and bytes, the checkpoint before holds, and with room it goes on to the same bytes."""
    one = size(next(Path(straight.out, "checkpoints").iterdir()))
    with small_disk(tmp_path / "full", int(room * one) + 48) as resize:
        job = make_job("sft", "full", resources={"checkpoint_steps": 1})
        with pytest.raises(StageFailed) as caught:
            sft.run(job)
        fault = caught.value.faults[0]
        step = int(room) + 1
        needed, free = map(float, re.findall(r"([\d.]+) MiB", fault.message))
        assert fault.code == "disk"
        assert f"cannot write `{job.path('checkpoints', f'step-{step}')}`: No space left on device" in fault.message
        assert needed * KIB == pytest.approx(one, rel=0.2)
        assert free < needed
        assert "make room" in fault.hint
        assert worker.report(job, caught.value) == 1
        assert json.loads(job.path("failure.json").read_text())["faults"][0]["code"] == "disk"
        point = checkpoint.newest(job.path("checkpoints"), lambda text: None)
        assert (point.step if point else 0) == step - 1
        assert not job.path("checkpoints", f"step-{step}").exists()
        resize(64 * KIB)
        sft.run(job)
        assert result(job) == result(straight)


def test_a_model_that_finds_no_room_is_told(straight, make_job, tmp_path):
    """What is raised by a library that says the reason in a text alone is the disk's fault too, and names the place."""
    with small_disk(tmp_path / "full", size(Path(straight.out) / "model.safetensors") // 2 + 100):
        job = make_job("sft", "full")
        with pytest.raises((StageFailed, RuntimeError, SafetensorError)) as caught:
            sft.run(job)
        assert worker.report(job, caught.value) == 1
        fault = json.loads(job.path("failure.json").read_text())["faults"][0]
        assert fault["code"] == "disk"
        assert f"cannot write `{job.out}" in fault["message"]
