"""One process of a stage: its cores and its threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from drdoctl.train.runtime import share  # noqa: E402

BODY = """
import json, os, sys, torch
from drdoctl.train.runtime import start
world = start({"device": "cpu", "pin_threads": sys.argv[1] == "pin"}, seed=1)
torch.ones(1 << 20).exp().sum()  # torch starts its threads
threads = [os.sched_getaffinity(int(name)) for name in os.listdir("/proc/self/task")]
print(json.dumps([sorted(set().union(*threads)), torch.get_num_threads()]))
"""


def test_cores_are_shared_out_in_order():
    """Each process has as many cores as the others and no core of theirs; what does not divide is left over."""
    assert [share([2, 3, 5, 7, 11], place, 2) for place in (0, 1)] == [[2, 3], [5, 7]]
    assert share([4], 1, 2) == []
    assert share([0, 1], 0, 1) == [0, 1]


def _started(rank, *argument):
    place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    ran = subprocess.run(
        [sys.executable, "-c", BODY, *argument], env={**os.environ, **place}, capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="cores are bound on Linux alone")
def test_processes_are_bound_to_cores_of_their_own():
    """With `pin_threads` no thread of one of two processes may run on the other's cores; without it, all may."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        pytest.skip("one core cannot be shared out")
    each = len(usable) // 2
    assert _started(0, "free") == [usable, each]
    bound = [_started(rank, "pin") for rank in (0, 1)]
    assert [threads for _, threads in bound] == [each, each]
    assert [cores for cores, _ in bound] == [usable[:each], usable[each : 2 * each]]
