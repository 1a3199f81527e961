"""The plan verb: exit codes, streams, `--out`, and the golden texts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))

from plan_world import World

from drdoctl.cli import run
from drdoctl.cli._cost import PARTS


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Return a spec, what it points at, and a store; the spec's folder is the current one."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.delenv("DRDOCTL_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    return World(tmp_path)


def drdoctl(*args):
    """Run a command line in this process and return its exit code."""
    return run([str(arg) for arg in args])


def test_data_goes_to_stdout(world, capsys):
    """The plan is on stdout and ends with the summary; warnings are on stderr."""
    assert drdoctl("plan", "spec.yaml", "--store", "store") == 0
    out, err = capsys.readouterr()
    assert out.startswith("Legend: + run\n")
    summary = out.rstrip().splitlines()[-1]
    assert summary.startswith("Plan: 7 to run. Time: about ")
    assert summary.endswith(", at 240 GFLOP/s in each process. Disk: about 1 MB. Nothing was executed.")
    assert "judge = teacher" in err
    assert not world.store.root.exists()


def test_verbose_shows_the_cost_of_each_stage(world, capsys):
    """`-v` adds a table with a line a stage: work, memory by parts, disk, time, and money where a price is given."""
    assert drdoctl("plan", "spec.yaml", "--store", "store", "-v", "--set", "resources.price_per_hour=3600") == 0
    head, *rows = capsys.readouterr().out.partition("Estimates")[2].splitlines()[1:]
    assert head.split() == ["stage", "steps", "tokens", "FLOPs", "memory", *PARTS, "disk", "time", "money"]
    assert [row.split()[0] for row in rows] == [stage.want.id for stage in world.plan().stages]
    plan = world.plan("resources.price_per_hour=3600").stages
    assert [row.split()[-1] for row in rows] == [f"{stage.estimate.cost:,.2f}" for stage in plan]


def test_detailed_exitcode(world, capsys):
    """`--detailed-exitcode` is 3 with changes pending and 0 without; `No changes` says so."""
    assert drdoctl("plan", "spec.yaml", "--store", "store", "--detailed-exitcode") == 3
    world.make()
    capsys.readouterr()
    assert drdoctl("plan", "spec.yaml", "--store", "store", "--detailed-exitcode") == 0
    assert capsys.readouterr().out == "No changes. All 7 artifacts match spec.yaml.\n"


def test_json_is_the_document(world, capsys):
    """`--json` prints exactly the plan's document, and the same bytes each time."""
    assert drdoctl("plan", "spec.yaml", "--store", "store", "--json", "--set", "seed=9") == 0
    first = capsys.readouterr().out
    assert json.loads(first) == json.loads(json.dumps(world.plan("seed=9").as_dict()))
    drdoctl("plan", "spec.yaml", "--store", "store", "--json", "--set", "seed=9")
    assert capsys.readouterr().out == first


def test_out_saves_the_plan(world, capsys):
    """`--out` writes a plan that can be loaded, and says where."""
    from drdoctl.plan.saved import load_saved

    assert drdoctl("plan", "spec.yaml", "--store", "store", "--out", "plan.json") == 0
    assert load_saved(Path("plan.json")).plan["summary"]["run"] == 7
    assert "plan.json" in capsys.readouterr().err


def test_hints_keep_what_was_typed(world, capsys, monkeypatch):
    """The next step is for the same spec, values and store, and can be pasted whatever their names hold."""
    monkeypatch.setattr("drdoctl.cli.console.Console.person", True)
    Path("spec.yaml").rename("my spec.yaml")
    typed = ("my spec.yaml", "--set", "data.split=[{name: easy}]", "--store", "a b")
    again = "drdoctl plan 'my spec.yaml' --set 'data.split=[{name: easy}]' --store 'a b'"
    assert drdoctl("plan", *typed) == 0
    assert f"hint: `{again} --out plan.json` to apply" in capsys.readouterr().err
    assert drdoctl("check", *typed) == 0
    assert f"hint: `{again}` shows" in capsys.readouterr().err
    assert drdoctl("plan", *typed, "--out", "pl an.json") == 0
    assert "hint: `drdoctl apply 'pl an.json' --store 'a b'` does" in capsys.readouterr().err


def test_faults_name_the_line(world, capsys):
    """What is wrong with what the spec points at is exit 2, with the spec's line and a remedy."""
    world.data.unlink()
    assert drdoctl("plan", "spec.yaml", "--store", "store") == 2
    err = capsys.readouterr().err
    assert "pairs.jsonl" in err
    assert "--> spec.yaml:5:" in err
    assert "hint: " in err


def test_plan_imports_no_torch_and_no_hub_client(world):
    """Planning imports none of the heavy packages."""
    code = (
        "import sys; from drdoctl.cli import run; run(['plan', 'spec.yaml', '--store', 'store', '-q']);"
        "heavy = {'torch', 'transformers', 'datasets', 'deepspeed', 'peft', 'numpy', 'pyarrow', 'huggingface_hub'};"
        "sys.exit(1 if heavy & sys.modules.keys() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=world.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_apply_warns_of_a_machine_that_is_too_small(world, monkeypatch):
    """On a CPU, `apply` warns where the plan needs more memory than the machine has, and elsewhere says nothing."""
    from drdoctl.cli.apply import Order, _too_large
    from drdoctl.spec.load import load
    from drdoctl.store import manifest

    def said(gib, *sets):
        monkeypatch.setattr(manifest, "host", lambda: {"memory_gib": gib})
        return _too_large(
            Order(world.plan(*sets), load(world.spec, sets).spec, {}, "spec.yaml", "drdoctl report", approved=True)
        )

    (text,) = said(0.1, "resources.device=cpu")
    assert "this machine has 0.1" in text
    assert said(64.0, "resources.device=cpu") == []
    assert said(0.1, "resources.device=cuda") == []
