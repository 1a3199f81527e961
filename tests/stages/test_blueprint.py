"""The blueprint: where models come from, and which settings have an effect."""

from __future__ import annotations

import pytest
from plan_world import SPEC

from drdoctl.spec.facts import Facts
from drdoctl.spec.load import load
from drdoctl.spec.training import Training
from drdoctl.stages.blueprint import Blueprint, is_pull, once, training_settings, uses_oracle


def blueprint(world, *sets, **changes):
    """Return the world's one blueprint."""
    loaded = load(world.spec, sets)
    fields = {"shared_oracle": uses_oracle(loaded.spec), **changes}
    return Blueprint(loaded.spec, Facts(loaded.base, world.store.root), "drdo", **fields)


def test_epochs_have_no_effect_beside_max_steps():
    """With `max_steps`, two values of `epochs` are the same settings; every field without effect is left out."""
    one = training_settings("train", Training(max_steps=5, epochs=1))
    assert one == training_settings("train", Training(max_steps=5, epochs=2))
    assert set(one) == {f"train.{name}" for name in Training.model_fields} - {"train.skip_not_finite"}
    assert training_settings("train", Training(skip_not_finite=2))["train.skip_not_finite"] == 2
    assert training_settings("train", Training(), learning_rate=1.0)["train.learning_rate"] == 1.0


def test_a_new_model_is_its_fields(world):
    """A new model lies in the settings, field by field, and is located by them."""
    world.spec.write_text(
        SPEC.replace("{jsonl: pairs.jsonl}", "notes").replace("model: ./base\n", "model: {hidden_size: 32}\n")
    )
    origin = blueprint(world).base_student()
    assert origin.settings["student.model.hidden_size"] == 32
    assert origin.locations["student.model"]["new"]["hidden_size"] == 32
    assert origin.externals == {}
    assert origin.size["config"]["vocab_size"] == 123


def test_a_folder_is_its_hash(world):
    """A folder is an external with its content's hash; its place and the longest pair are in the location."""
    origin = blueprint(world).base_student()
    assert len(origin.externals["student.model"]) == 64
    assert origin.locations["student.model"] == {"path": str(world.base), "max_tokens": 64}
    assert not origin.settings


@pytest.mark.parametrize(
    ("change", "used"),
    [
        (("method: {name: drdo, alpha: 0.1, reference: false}", "method: drdo"), True),
        (("method: {name: drdo, alpha: 0.1, reference: false}", "method: dpo"), True),
        (("oracle: {model: ./base, global_batch: 4}\n", ""), False),
    ],
)
def test_who_uses_the_oracle(world, change, used):
    """A method, a judge or held-out pairs use the oracle; without `oracle` nobody does."""
    text = SPEC.replace(*change)
    if not used:
        text = text.replace("name: drdo, alpha: 0.1, reference: false", "name: dpo").partition("evaluate:")[0]
    world.spec.write_text(text)
    assert uses_oracle(load(world.spec).spec) is used


def test_pulls_are_told_from_publishing(world):
    """A stage with a zoo location brings a model, unless it publishes one."""
    world.spec.write_text(SPEC + "publish: {student: zoo/mine}\nzoo: the-zoo\n")
    assert not any(is_pull(want) for want in world.wants())


def test_what_was_asked_once_is_remembered_for_this_blueprint_alone(world):
    """The same question to the same blueprint is answered once; another question, or another blueprint, anew."""
    asked = []

    @once
    def answer(bp, *, whole=False):
        asked.append((bp.label, whole))
        return object()

    first, second = blueprint(world), blueprint(world)
    assert answer(first) is answer(first)
    assert answer(first, whole=True) is answer(first, whole=True)
    assert answer(first, whole=False) is answer(first)
    assert answer(first) is not answer(first, whole=True)
    assert answer(second) is not answer(first)
    assert len(asked) == 3
