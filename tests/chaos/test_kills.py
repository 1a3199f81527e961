"""The strikes: they see what is wrong, and what writes a plan or trains a stage withstands them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")

TORN = """
import sys
from pathlib import Path
from chaos import _acts, kills

class Torn(_acts.Act):
    def prepare(self):
        (self.work / "file").write_bytes(b"old")
    def do(self):
        with (self.work / "file").open("wb", buffering=0) as file:
            file.write(b"ne")
            file.write(b"w")
        return 0
    def holds(self):
        return None if (self.work / "file").read_bytes() in (b"old", b"new") else "torn"
    def ends_equal(self):
        return (self.work / "file").read_bytes() == b"new"

class Boasting(Torn):
    def do(self):
        try:
            return super().do()
        except OSError:
            return 0

for act in (Torn, Boasting):
    for what in ("KILL", "EIO"):
        count = kills.strike(act(Path(sys.argv[1], act.__name__ + what)), "write", what)
        print(act.__name__, what, count.struck, count.wrong)
"""


def chaos(*words):
    """Run a program of the project's own beside the tests, for it forks."""
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(root), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *map(str, words)], cwd=root, env=env, capture_output=True, text=True, check=False
    )


def test_what_is_torn_or_boasts_is_seen(tmp_path):
    """A writer in place is found torn at each of its calls, and one that hides errors is found to claim too much."""
    done = chaos("-c", TORN, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Torn KILL 2 ['call 1: torn', 'call 2: torn']",
        "Torn EIO 2 ['call 1: it did not say clearly what was wrong', 'call 2: it did not say clearly what was wrong']",
        "Boasting KILL 2 ['call 1: torn', 'call 2: torn']",
        f"Boasting EIO 2 {[f'call {n}: it claimed a success that it was not' for n in (1, 2)]}",
    ]


def test_a_saved_plan_is_the_old_one_or_the_new_one(tmp_path):
    """Killed, or failed by the disk, at every call that writes: the plan is whole, and the next one is saved."""
    done = chaos("-m", "chaos", "kills", "--act", "plan", "--by", "KILL", "--by", "EIO", "--work", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    held, total = re.search(r"all held: (\d+) of (\d+)", done.stdout).groups()
    assert held == total
    assert int(total) > 8


@pytest.mark.slow
def test_a_stage_that_trains_survives_a_kill_at_some_of_its_calls(tmp_path):
    """Journal, job, metrics, checkpoints, model and manifest: after a kill the stage goes on to the same bytes."""
    done = chaos("-m", "chaos", "kills", "--act", "sft", "--by", "KILL", "--every", "24", "--work", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    held, total = re.search(r"all held: (\d+) of (\d+)", done.stdout).groups()
    assert held == total
    assert int(total) >= 4, "at least one of each kind of call"
