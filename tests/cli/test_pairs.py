"""What pairs are like, in the detail of a plan: `-v` and `--json`, once a data stage has run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))

from plan_world import World

from drdoctl.cli import run
from drdoctl.cli._pairs import pairs_text
from drdoctl.plan.schema import schema


def row(after, rows, **known):
    """Return one row of statistics; what is not given is not known."""
    names = [
        f"{kind}_{name}" for kind in ("mean", "median") for name in ("confidence", "edit_distance", "length_ratio")
    ]
    unknown = dict.fromkeys([*names, "unlike_lengths", "longer_chosen"])
    return {"after": after, "rows": rows, "flipped": 0, **unknown, **known}


ALL = row("all rows", 1000, mean_length_ratio=1.5, median_length_ratio=1.25)
BIASED = row("length-bias", 40, longer_chosen=0.3, unlike_lengths=1.0, flipped=12, mean_confidence=5.0)
HELD = [row("all rows", 50)]


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Return a spec whose data stage is done and has told of its pairs; the spec's folder is the current one."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path)
    want = world.wants()[0]
    world.commit(want)
    told = {"statistics": {"eval": HELD, "train": [ALL, BIASED]}}
    (world.store.path(want.artifact) / "report.json").write_text(json.dumps(told))
    return world


def test_the_plan_has_the_statistics_of_what_is_done(world, capsys):
    """`plan --json` has them with the stage, by the plan's schema; other stages have none."""
    assert run(["plan", "spec.yaml", "--store", str(world.store.root), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    jsonschema.validate(plan, schema())
    assert plan["stages"][0]["pairs"] == {"eval": HELD, "train": [ALL, BIASED]}
    assert not any("pairs" in stage for stage in plan["stages"][1:])


def test_verbose_prints_them(world, capsys):
    """`plan -v` has a line for all rows and one for each step; what is not known is a dash."""
    assert run(["plan", "spec.yaml", "--store", str(world.store.root), "-v"]) == 0
    lines = capsys.readouterr().out.partition("\nPairs (")[2].splitlines()[2:]
    assert [line.split() for line in lines] == [
        ["data", "train:", "all", "rows", "1,000", "-", "-", "1.5", "(1.25)", "-", "-"],
        ["after", "length-bias", "40", "-", "-", "-", "30.0%", "12"],
        ["data", "eval:", "all", "rows", "50", "-", "-", "-", "-", "-"],
    ]


def test_held_out_pairs_are_shown_once():
    """Stages of several splits share their held-out pairs: these are printed with the first."""
    stages = [{"id": f"data[{name}]", "pairs": {"eval": HELD, "train": [ALL]}} for name in ("easy", "hard")]
    text = pairs_text({"stages": stages})
    assert (text.count("eval:"), text.count("train:")) == (1, 2)


def test_nothing_before_a_data_stage_is_done():
    """There is no table, not even its head, where no stage has told of its pairs."""
    assert pairs_text({"stages": [{"id": "data"}]}) == ""
