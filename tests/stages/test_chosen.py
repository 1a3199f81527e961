"""Publishing what `select` picks: a stage for each group and seed, and the pick itself, from files alone."""

from __future__ import annotations

import json

import pytest
from plan_world import SPEC, write_model

from drdoctl.core.errors import StageFailed, UserError
from drdoctl.stages import Job
from drdoctl.stages.chosen import choose

PUBLISH = ("publish={student: zoo/mine@v1}", "zoo=the-zoo")
RATES = "matrix={method: [dpo, ipo], train.learning_rate: [1.0e-5, 2.0e-5], seed: [1, 2]}"
BY = "select={metric: win_rate, against: sft, over: train.learning_rate}"


@pytest.fixture
def free(world):
    """Return a world whose spec has no method of its own."""
    world.spec.write_text(SPEC.replace("method: {name: drdo, alpha: 0.1, reference: false}\n", ""))
    return world


def published(world, *sets):
    """Return the publish stages by the names they publish."""
    return {want.settings["publish.name"]: want for want in world.wants(*PUBLISH, *sets) if want.kind == "publish"}


def test_one_for_each_group_and_seed(free):
    """Each rests on the students of its seed, and on the figures of both: the mean over seeds is what chooses."""
    found = published(free, RATES, BY)
    assert list(found) == [f"zoo/mine-{method}-seed-{seed}@v1" for method in ("dpo", "ipo") for seed in (1, 2)]
    second = found["zoo/mine-dpo-seed-2@v1"]
    assert {role: want.id for role, want in second.inputs.items()} == {
        "student-0": "align[dpo,learning_rate=1e-05,seed=2]",
        "figures-0-0": "evaluate[dpo,learning_rate=1e-05,seed=1]",
        "figures-0-1": "evaluate[dpo,learning_rate=1e-05,seed=2]",
        "student-1": "align[dpo,learning_rate=2e-05,seed=2]",
        "figures-1-0": "evaluate[dpo,learning_rate=2e-05,seed=1]",
        "figures-1-1": "evaluate[dpo,learning_rate=2e-05,seed=2]",
    }
    assert second.settings["select.settings"] == ["dpo,learning_rate=1e-05", "dpo,learning_rate=2e-05"]
    assert second.id == "publish[student-dpo,seed=2]"
    assert [base["path"] for base in second.locations["bases"]] == [str(free.base)] * 2


def test_a_single_one_has_the_name_as_it_stands(free):
    """Where one student is picked, nothing has to tell it apart."""
    (name,) = published(free, "matrix={method: [dpo], train.learning_rate: [1.0e-5, 2.0e-5]}", BY)
    assert name == "zoo/mine@v1"


def test_students_are_asked_for_by_their_own_combination(free):
    """A stage that compares students does not make them another combination's: the grid is as without publishing."""
    assert free.plan(RATES, BY, *PUBLISH).grid == free.plan(RATES, BY).grid


def test_another_choice_is_another_publication(free):
    """What is chosen by is in the fingerprint, and so is every figure."""
    before = published(free, RATES, BY)
    after = published(free, RATES, BY.replace("win_rate, against: sft", "not_ended"))
    assert list(before) == list(after)
    assert all(before[name].fingerprint != after[name].fingerprint for name in before)


SETTINGS = {
    "publish.name": "mine",
    "select.settings": ["low", "high"],
    "select.metric": "win_rate",
    "select.against": "sft",
    "select.judge": None,
    "select.temperature": 0.7,
    "select.goal": "max",
}


def job(folder, values, bases=({"hub": "a/b"}, None), **changed):
    """Return the job of a stage that chooses, with the figures of two settings and two seeds on disk."""
    inputs = {}
    for setting, seeds in enumerate(values):
        inputs[f"student-{setting}"] = str(folder / f"align-{setting}")
        for seed, value in enumerate(seeds):
            at = folder / f"evaluate-{setting}-{seed}"
            at.mkdir(exist_ok=True)
            named = {"metric": "win_rate", "against": "sft", "judge": None, "temperature": 0.7}
            figures = [{**named, "part": "test", "value": -9}, {**named, "part": "validation", "value": value}]
            (at / "figures.json").write_text(json.dumps({"figures": figures}))
            inputs[f"figures-{setting}-{seed}"] = str(at)
    settings = {**SETTINGS, **changed}
    return Job("publish", "publish", "a", settings, inputs, {"bases": list(bases)}, {}, str(folder / "out"))


def test_the_best_mean_over_seeds_is_published(tmp_path):
    """The pick is the job's artifact, with the base it started from; the receipt is told the figures."""
    chosen, by = choose(job(tmp_path, [[0.9, 0.1], [0.6, 0.6]]))
    assert (chosen.inputs["artifact"], chosen.locations["base"]) == (str(tmp_path / "align-1"), None)
    assert by == {
        "metric": "win_rate",
        "against": "sft",
        "judge": None,
        "temperature": 0.7,
        "goal": "max",
        "setting": "high",
        "validation": {"low": 0.5, "high": 0.6},
    }
    least, _ = choose(job(tmp_path, [[0.9, 0.1], [0.6, 0.6]], **{"select.goal": "min"}))
    assert (least.inputs["artifact"], least.locations["base"]) == (str(tmp_path / "align-0"), {"hub": "a/b"})


def test_a_setting_without_its_figure_is_not_picked(tmp_path):
    """Not even the best of the others' means helps a setting that lacks a seed's; with none left, the stage says so."""
    assert choose(job(tmp_path, [[0.9, None], [0.1, 0.1]]))[1]["setting"] == "high"
    with pytest.raises(StageFailed, match="none of `low`, `high` has `win_rate`"):
        choose(job(tmp_path, [[0.9, None], [None, 0.1]]))


def test_a_student_that_was_named_is_not_chosen(tmp_path):
    """Without settings to choose from, the job stays as it is."""
    plain = Job("publish", "publish", "a", {"publish.name": "mine"}, {"artifact": "x"}, {}, {}, str(tmp_path))
    assert choose(plain) == (plain, None)


MODELS = "matrix={method: [dpo, ipo], oracle.max_steps: [5, 9], seed: [1, 2]}"
BY_ORACLE = "select={metric: win_rate, against: sft, over: oracle.max_steps}"
TAUGHT = "matrix={method: [d-dpo], oracle.max_steps: [5, 9]}"
ASKED = "evaluate.0.judge=fair"


def test_several_judges_are_no_ground_to_choose(free):
    """An oracle for each setting gives figures on scales of their own; one for each seed or group is no matter."""
    with pytest.raises(UserError, match="judge `oracle` is one for `dpo,max_steps=5,seed=1` and another for") as caught:
        free.wants(MODELS, BY_ORACLE)
    assert "`select.judge`" in caught.value.faults[0].hint
    rates = "train.learning_rate: [1.0e-5, 2.0e-5]"
    assert free.wants(MODELS.replace("oracle.max_steps: [5, 9]", rates), BY)
    assert free.wants(MODELS.replace("seed: [1, 2]", rates), BY)
    assert free.wants(MODELS, "select={metric: implicit_accuracy, over: oracle.max_steps}")


def test_one_judge_for_all_chooses_among_oracles(free):
    """A finished reward model, or one of a base of its own, is the same for all; one of another SFT is not."""
    write_model(free.root / "reward")
    assert free.wants(TAUGHT, BY_ORACLE, ASKED, "judges={fair: {model: ./reward, finished: true}}")
    own = (ASKED, "data.judge_fraction=0.3")
    assert free.wants(TAUGHT, BY_ORACLE, *own, "judges={fair: {model: sft}}")
    split = TAUGHT.replace("oracle.max_steps: [5, 9]", "data.split: [all, {name: sample, rows: 9}]")
    by = BY_ORACLE.replace("oracle.max_steps", "data.split")
    assert free.wants(split, by, *own, "judges={fair: {model: ./base}}")
    with pytest.raises(UserError, match="judge `fair` is one") as caught:
        free.wants(split, by, *own, "judges={fair: {model: sft}}")
    assert "finished reward model" in caught.value.faults[0].hint


def test_ensembles_are_chosen_among_by_their_oracle(free):
    """What differs in the method alone is judged by one oracle, however many members teach."""
    methods = "matrix={method: [{name: e-dpo, members: 2}, {name: e-dpo, members: 3}], train.max_steps: [5, 9]}"
    assert free.wants(methods, "select={metric: win_rate, against: sft, over: [method.members, train.max_steps]}")
