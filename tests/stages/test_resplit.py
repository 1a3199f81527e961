"""The second data stage: what it rests on, and which stages read all pairs where a spec tells them apart."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import UserError

BIAS = "data.split={name: length-bias, rho: 0.3, size: 20}"
ALL = "oracle.pairs=all"


def needs(world, *sets):
    """Return stage id -> ids of its inputs by role."""
    return {want.id: {role: one.id for role, one in want.inputs.items()} for want in world.wants(*sets)}


def test_relabelling_is_stages_of_the_plan(world):
    """All pairs, the oracle on them, its rewards of them, the pairs drawn; then a teacher trained on those."""
    found = needs(world, BIAS)
    names = ["data[all]", "oracle", "rewards[all]", "data", "oracle[teacher]", "rewards", "align[drdo]"]
    assert [name for name in found if name in names] == names
    assert found["oracle"]["data"] == "data[all]"
    assert found["rewards[all]"] == {"data": "data[all]", "oracle-0": "oracle"}
    assert found["data"] == {"data": "data[all]", "rewards": "rewards[all]"}
    assert found["oracle[teacher]"]["data"] == "data"
    assert found["rewards"] == {"data": "data", "oracle-0": "oracle[teacher]"}
    assert found["align[drdo]"]["data"] == "data"
    assert found["evaluate[drdo]"]["oracle"] == "oracle"
    assert "rewards" not in found["evaluate[drdo]"]


def test_one_oracle_for_all_pairs(world):
    """With `oracle.pairs: all` the oracle that relabels is the teacher: one fingerprint, trained once."""
    found = needs(world, BIAS, ALL)
    assert [name for name in found if name.startswith("oracle")] == ["oracle"]
    assert found["rewards"] == {"data": "data", "oracle-0": "oracle"}
    apart = {want.id: want.fingerprint for want in world.wants(BIAS)}
    together = {want.id: want.fingerprint for want in world.wants(BIAS, ALL)}
    for name in ("data[all]", "oracle", "rewards[all]", "data"):
        assert apart[name] == together[name]


def test_all_pairs_without_relabelling(world):
    """With `oracle.pairs: all` and a plain split there are two data stages, and the oracle reads the one with all."""
    found = needs(world, "data.split=easy", ALL)
    assert found["oracle"]["data"] == "data[all]"
    assert found["data"] == {}
    assert found["rewards"] == {"data": "data", "oracle-0": "oracle"}
    assert found["evaluate[drdo]"]["rewards"] == "rewards"
    assert found["evaluate[sft]"]["data"] == "data[all]"


def test_the_stages_with_all_pairs_are_those_of_split_all(world):
    """All pairs are the very artifact of a spec without a split, and so is the oracle that is trained on them."""
    plain = {want.id: want.fingerprint for want in world.wants()}
    split = {want.id: want.fingerprint for want in world.wants("data.split=easy", ALL)}
    assert (split["data[all]"], split["oracle"]) == (plain["data"], plain["oracle"])


def test_defaults_keep_their_names(world):
    """A split without an oracle, and `oracle.pairs: split` written out, plan what they did before."""
    assert [want.fingerprint for want in world.wants("data.split=easy", "oracle.pairs=split")] == [
        want.fingerprint for want in world.wants("data.split=easy")
    ]
    step = world.wants("data.split=easy")[0].settings["data.split"]
    assert step == [{"name": "easy", "quantile": 0.5, "missing": "fail"}]


def test_steps_before_and_after(world):
    """Steps before the first that needs an oracle are the first stage's, the others and `max_rows` the second's."""
    steps = "data.split=[{name: label-noise, fraction: 0.1}, {name: hard, by: oracle}, {name: sample, rows: 9}]"
    found = {want.id: want for want in world.wants(steps, "data.max_rows=5")}
    first, second = found["data[before]"], found["data"]
    assert [step["name"] for step in first.settings["data.split"]] == ["label-noise"]
    assert [step["name"] for step in second.settings["data.split"]] == ["hard", "sample"]
    assert (first.settings["data.max_rows"], second.settings["data.max_rows"]) == (None, 5)
    assert found["oracle"].inputs["data"] is first


def test_sft_of_the_pairs_and_of_demonstrations(world, monkeypatch):
    """An oracle that starts from SFT starts from one on all pairs; demonstrations make one SFT stage of the two."""
    found = needs(world, BIAS, "oracle.model=sft")
    assert found["oracle"]["policy"] == "sft[all]"
    assert found["oracle[teacher]"]["policy"] == found["align[drdo]"]["policy"] == "sft"
    assert (found["sft[all]"]["data"], found["sft"]["data"]) == ("data[all]", "data")
    monkeypatch.setattr("drdoctl.stages.sft._demonstrated", lambda _: True)
    found = needs(world, BIAS, "oracle.model=sft")
    assert [name for name in found if name.startswith("sft")] == ["sft"]
    assert found["sft"]["data"] == "data[all]"


def test_a_matrix_over_rho_shares_the_relabelling(world):
    """Of several rhos and methods each draw has a data stage, and all that comes before is there once."""
    rhos = "[{name: length-bias, rho: 0.2, size: 9}, {name: length-bias, rho: 0.8, size: 9}]"
    found = needs(world, f"matrix={{data.split: {rhos}, method: [d-dpo, ipo]}}", "method=null", ALL)
    kinds = [name.partition("[")[0] for name in found]
    assert (kinds.count("data"), kinds.count("oracle"), kinds.count("align")) == (3, 1, 4)
    assert [name for name in found if name.startswith("rewards[all")] == ["rewards[all]"]
    assert kinds.count("evaluate") == 4 + kinds.count("sft")


def test_inputs_come_first_whatever_the_rounds(world):
    """Stages of several rounds still follow their inputs."""
    seen = set()
    for want in world.wants(BIAS, "method={name: e-dpo, members: 2}"):
        assert {one.fingerprint for one in want.inputs.values()} <= seen
        seen.add(want.fingerprint)


def test_the_labels_judge_is_stamped(world):
    """A judge that gave the pairs their labels is named on the figures of every method, and is no teacher."""
    for method, stamps in (("drdo", 2), ("dpo", 1)):
        want = next(one for one in world.wants(BIAS, f"method={method}") if one.id == f"evaluate[{method}]")
        assert len(want.warnings) == stamps
        assert want.warnings[0].startswith("judge = labeller")
        assert "judge = teacher" not in want.warnings
    together = next(one for one in world.wants(BIAS, ALL) if one.id == "evaluate[drdo]")
    assert "judge = teacher" in together.warnings


def test_sizes_are_guessed_until_the_pairs_are_there(world):
    """A plan goes by the size that a draw asks for, and by what its report tells once it is made."""
    tokens = {stage.want.id: stage.estimate.tokens for stage in world.plan(BIAS, "data.eval_fraction=0.1").stages}
    assert 0 < tokens["rewards"] < tokens["rewards[all]"]


def test_an_oracle_is_needed(world):
    """A step that goes by rewards is refused in a spec without an oracle."""
    world.spec.write_text(world.spec.read_text().replace("oracle: {model: ./base, global_batch: 4}\n", ""))
    with pytest.raises(UserError) as error:
        world.wants(BIAS, "method=dpo", "evaluate=[{name: pair-accuracy}]")
    assert [fault.code for fault in error.value.faults] == ["missing-oracle"]


def test_a_finished_oracle_relabels_as_it_is(world, tmp_path):
    """A finished reward model scores all pairs, trains nothing, and teaches and judges too."""
    import json

    from plan_world import CONFIG, write_model

    folder = write_model(tmp_path / "judge")
    config = {**CONFIG, "architectures": ["LlamaForSequenceClassification"], "num_labels": 1}
    (folder / "config.json").write_text(json.dumps(config))
    world.spec.write_text(
        world.spec.read_text().replace("oracle: {model: ./base, global_batch: 4}", f"oracle: {{model: {folder}}}")
    )
    found = {want.id: want for want in world.wants(BIAS)}
    assert not [name for name in found if name.startswith("oracle")]
    assert list(found["rewards[all]"].externals) == ["oracle.model"]
    assert found["evaluate[drdo]"].inputs["rewards"] is found["rewards"]
