"""The grid of a plan: where each combination ends, and what is chosen by."""

from __future__ import annotations

import jsonschema
from plan_world import SPEC

from drdoctl.plan.schema import schema

AXES = "matrix={method: [dpo, {name: e-dpo, members: 2}], train.learning_rate: [1.0e-5, 2.0e-5], seed: [1, 2]}"
CHOICE = "select={metric: win_rate, against: sft, over: train.learning_rate}"


def grid(world, *sets):
    """Return the plan's grid as JSON has it, and the ids of its stages."""
    world.spec.write_text(SPEC.replace("method: {name: drdo, alpha: 0.1, reference: false}\n", ""))
    document = world.plan(*sets).as_dict()
    jsonschema.validate(document, schema())
    return document["grid"], {stage["id"] for stage in document["stages"]}


def test_every_combination_has_its_place(world):
    """Each combination names its stages, its setting and its group, in the spec's order."""
    found, ids = grid(world, AXES, CHOICE)
    cells = found["students"]
    assert found["axes"]["method"] == ["dpo", "e-dpo(members=2)"]
    assert len(cells) == 8
    assert {cell["student"] for cell in cells} | {cell["evaluation"] for cell in cells} <= ids
    assert cells[1] == {
        "label": "dpo,learning_rate=1e-05,seed=2",
        "seed": 2,
        "setting": "dpo,learning_rate=1e-05",
        "group": "dpo",
        "values": {"train.learning_rate": 1e-5},
        "student": "align[dpo,learning_rate=1e-05,seed=2]",
        "evaluation": "evaluate[dpo,learning_rate=1e-05,seed=2]",
    }


def test_what_is_chosen_by_is_whole(world):
    """Fields that `select` leaves out are those of the only figure that fits, the goal is the metric's own."""
    chosen, _ = grid(world, AXES, CHOICE)
    at = {"against": "sft", "judge": "oracle", "temperature": 0.7}
    assert chosen["select"] == {"metric": "win_rate", **at, "goal": "max", "over": ["train.learning_rate"]}
    least, _ = grid(world, AXES, CHOICE.replace("win_rate, against: sft", "not_ended"))
    assert least["select"]["goal"] == "min"
    assert grid(world, AXES)[0]["select"] is None


def test_combinations_that_make_one_student_share_it(world):
    """What a method does not read makes no student of its own: both combinations name the same stages."""
    found, _ = grid(world, "matrix={method: [dpo, d-dpo], oracle.seed: [0, 1]}", "evaluate=[]")
    first, second, *others = found["students"]
    assert first["student"] == second["student"]
    assert len({cell["student"] for cell in others}) == 2


def test_without_a_matrix_there_is_no_grid(world):
    """One combination needs none."""
    assert world.plan().grid is None
    assert "grid" not in world.plan().as_dict()
