"""The oracle stage: one for a spec, and members that differ in their seed alone."""

from __future__ import annotations

from plan_world import CONFIG, SPEC


def oracles(world, *sets):
    """Return the oracle stages by id."""
    return {want.id: want for want in world.wants(*sets) if want.kind == "oracle"}


def test_the_slice(world):
    """The oracle reads `oracle.*`, both seeds and its base; nothing of the student's."""
    want = oracles(world)["oracle"]
    assert want.settings["oracle.sft_weight"] == 0.01
    assert want.settings["oracle.seed"] == 0
    assert not any(key.startswith("student") for key in want.settings)
    assert list(want.externals) == ["oracle.model"]


def test_members_differ_in_the_heads_seed_alone(world):
    """Members are trained by eq. 2 alone (`sft_weight` 0), each with a seed of its own after the oracle's."""
    found = oracles(world, "method={name: e-dpo, members: 3}", "oracle.seed=5")
    members = [found[f"oracle[member-{index}]"].settings for index in range(3)]
    assert [one["oracle.seed"] for one in members] == [5, 6, 7]
    assert {one["oracle.sft_weight"] for one in members} == {0.0}
    rest = [{key: value for key, value in one.items() if key != "oracle.seed"} for one in members]
    assert rest[0] == rest[1] == rest[2]


def test_an_oracle_of_the_zoo_is_pulled(world, monkeypatch):
    """A finished oracle of the zoo is an oracle stage whose action is `pull` until it is there."""
    from types import SimpleNamespace

    files = {"tokenizer.json": "a", "model.safetensors": "b"}
    card = SimpleNamespace(config=CONFIG, role="oracle")
    known = SimpleNamespace(ref="zoo/judge", revision="r1", sha256="6" * 64, files=files, card=card)
    monkeypatch.setattr("drdoctl.zoo.resolve.zoo_facts", lambda ref, location, store: known)
    world.spec.write_text(SPEC.replace("oracle: {model: ./base, global_batch: 4}", "oracle: {model: zoo/judge}"))
    plan = world.plan()
    stage = next(stage for stage in plan.stages if stage.want.kind == "oracle")
    assert (stage.want.id, stage.action, stage.reason.text) == ("oracle", "pull", "zoo/judge is not in the store yet")
    users = {other.want.id for other in plan.stages if stage.want in other.want.inputs.values()}
    assert users == {"data", "rewards", "evaluate[sft]", "evaluate[drdo]"}
    world.commit(stage.want)
    assert world.actions()["oracle"] == "reuse"


def test_an_oracle_left_as_an_adapter_is_read_with_its_base(world):
    """The rewards stage is given the base of an adapter, and nothing where the oracle is whole."""
    for merge, there in (("true", False), ("false", True)):
        stages = {want.kind: want for want in world.wants(f"oracle.lora.merge={merge}")}
        assert stages["oracle"].settings["oracle.lora.rank"] == 16
        assert ("oracle.model" in stages["rewards"].locations) == there
        assert ("oracle.model" in stages["rewards"].externals) == there
