"""Evaluations of reward models: one for each, whatever learns from it."""

from __future__ import annotations

import json

from drdoctl.stages.quality import OF

QUALITY = "evaluate=[{name: win-rate, temperatures: [0.7]}, {name: oracle-quality}]"
WITHOUT = "evaluate=[{name: win-rate, temperatures: [0.7]}]"
MATRIX = "matrix={method: [{name: drdo}, {name: dpo}, {name: e-dpo, members: 2}]}"


def evaluations(world, *sets):
    """Return the evaluate stages by id."""
    return {want.id: want for want in world.wants(*sets) if want.kind == "evaluate"}


def test_each_reward_model_is_measured_once(world):
    """All students share the oracle's evaluation; the members of an ensemble share another, whose inputs they are."""
    world.spec.write_text(world.spec.read_text().replace("method: {name: drdo, alpha: 0.1, reference: false}\n", ""))
    found = evaluations(world, QUALITY, MATRIX)
    about = {name: want for name, want in found.items() if OF in want.settings}
    assert set(about) == {"evaluate[oracle]", "evaluate[members]"}
    assert about["evaluate[oracle]"].inputs["oracle-0"].id == "oracle"
    assert {role: want.id for role, want in about["evaluate[members]"].inputs.items()} == {
        "data": "data",
        "oracle-0": "oracle[member-0]",
        "oracle-1": "oracle[member-1]",
    }


def test_students_evaluations_do_not_know_of_it(world):
    """Adding the eval measures the oracle and leaves every student's figures where they are."""
    before, after = evaluations(world, WITHOUT), evaluations(world, QUALITY)
    assert {name: want.fingerprint for name, want in before.items()}.items() <= {
        name: want.fingerprint for name, want in after.items()
    }.items()
    assert set(after) - set(before) == {"evaluate[oracle]"}


def test_an_oracle_that_only_this_eval_looks_at_is_made(world):
    """With a method that learns from no oracle, the eval alone is reason enough to train one."""
    ids = {want.id for want in world.wants("method=dpo", "evaluate=[oracle-quality]")}
    assert {"oracle", "evaluate[oracle]"} <= ids
    assert "evaluate[dpo]" not in ids


def test_a_files_content_counts_and_its_path_does_not(world):
    """The same pairs under another name are the same evaluation; other pairs are another."""
    row = json.dumps({"prompt": "a", "chosen": "b", "rejected": "c"}) + "\n"
    for name, text in (("a.jsonl", row), ("b.jsonl", row), ("c.jsonl", row * 2)):
        (world.root / name).write_text(text)
    found = [
        evaluations(world, f"evaluate=[{{name: oracle-quality, pairs: {name}, test_set: bench}}]")["evaluate[oracle]"]
        for name in ("a.jsonl", "b.jsonl", "c.jsonl")
    ]
    assert found[0].fingerprint == found[1].fingerprint != found[2].fingerprint


def test_judges_are_measured_too(world):
    """A judge is worth no more than its accuracy: it has an evaluation of its own, in its own tokens."""
    judge = ("judges={fair: {model: ./base, global_batch: 4}}", "data.judge_fraction=0.3")
    asked = "evaluate=[{name: win-rate, judge: fair, temperatures: [0.7]}, {name: oracle-quality}]"
    found = evaluations(world, *judge, asked)["evaluate[fair]"]
    assert found.inputs["oracle-0"].id == "oracle[fair]"
    assert found.settings["oracle.tokens"] == "student"
