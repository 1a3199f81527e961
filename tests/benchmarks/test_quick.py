"""The measures that need no peer run from nothing: model, pairs, store, sides, table."""

from __future__ import annotations

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from benchmarks.sides.sampling import classes, with_length  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize(
    ("measure", "row"),
    [
        ("floor", "| alignment step | the floor |"),
        ("starts", "| next stage in a warm child, beyond a later step's time |"),
    ],
)
def test_a_quick_run_prints_its_table(root, tmp_path, measure, row):
    """A measure with `--quick` ends well, keeps no record, and prints a line for its row."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", measure, "--quick", "--work", str(tmp_path / "work")],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert row in done.stdout
    assert not list(tmp_path.rglob("*.quick.jsonl"))


def test_forced_lengths_count_down_to_the_end_token():
    """From a prompt that says n, only tokens that say one fewer may follow, and the end token comes as the n-th."""
    following = classes(4096, [0, 1, 2], 2)
    token, count = with_length([7, 8, 9], 5)[-1], 0
    while token != 2:
        allowed = (following == token % 256 - 1).nonzero()[:, 0].tolist()
        token, count = allowed[-1], count + 1
        assert len(allowed) > 10 or allowed == [2]
    assert count == 5
    with pytest.raises(ValueError, match="cannot be forced"):
        with_length([1], 256)
