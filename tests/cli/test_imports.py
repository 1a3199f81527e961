"""What the command line loads: never torch and its kin, and little at start-up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOOK = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "datasets", "deepspeed", "peft"):
            raise ImportError(name + " must not be imported")

sys.meta_path.insert(0, Absent())
from drdoctl.cli import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["--version"],
        ["check", "recipes/quickstart.yaml", "--resolved"],
        ["plan", "recipes/quickstart.yaml", "--json"],
        ["status"],
        ["ls", "methods"],
        ["show", "method", "drdo"],
        ["schema", "spec"],
    ],
    ids=" ".join,
)
def test_reading_verbs_do_without_torch(argv, tmp_path):
    """With torch, transformers, datasets, deepspeed and peft unimportable, all that only reads still works."""
    store = [] if argv[0].startswith("--") else ["--store", str(tmp_path / "store")]
    done = subprocess.run(
        [sys.executable, "-c", HOOK, *argv, *store], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "store").exists()


def test_a_verb_is_imported_only_when_it_is_used():
    """`schema` loads neither the spec's models nor another verb."""
    code = """
import sys
from drdoctl.cli import run
run(["schema", "card"])
print([name for name in sys.modules if name.startswith("drdoctl.")], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "drdoctl.cli.schema" in done.stderr
    assert "drdoctl.cli.apply" not in done.stderr
    assert "drdoctl.spec" not in done.stderr


def test_help_leaves_the_specs_models_alone():
    """`--help` reads every verb's first line, and none of them needs the spec, its plug-ins, pydantic or a compiler."""
    code = """
import sys
from drdoctl.cli import run
run(["--help"])
print(list(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "'drdoctl.cli.leaderboard'" in done.stderr
    plugged = ("drdoctl.methods", "drdoctl.data", "drdoctl.splits", "drdoctl.evals")
    for heavy in (*plugged, "drdoctl.spec.model", "drdoctl.plan.compile", "drdoctl.engine.execute", "pydantic"):
        assert f"'{heavy}'" not in done.stderr
