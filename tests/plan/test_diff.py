"""Actions and reasons: what is reused, resumed and run again, and what the plan says moved."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_world import CONFIG, SPEC, write_model

from drdoctl.cli.render import plan_text
from drdoctl.core.errors import UserError
from drdoctl.core.fingerprint import file_sha256
from drdoctl.plan.schema import schema

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "plan"


def reason(plan, name):
    """Return the reason of one stage."""
    return next(stage.reason for stage in plan.stages if stage.want.id == name)


def rerun(plan):
    """Return the ids of the stages that run again."""
    return {stage.want.id for stage in plan.stages if stage.action == "rerun"}


def as_text(plan):
    """Return the plan as its JSON."""
    return json.dumps(plan.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def test_a_new_store_runs_everything(world):
    """Nothing is there: every stage runs, because it is not made yet."""
    assert {(stage.action, stage.reason.code) for stage in world.plan().stages} == {("run", "new")}


def test_all_done_is_no_change(world):
    """After an apply, every stage is reused."""
    world.make()
    assert set(world.actions().values()) == {"reuse"}


def test_alpha_runs_align_and_evaluate_again(world):
    """Only `align` and the student's `evaluate` run again, and the plan says `method.alpha 0.1 -> 0.2`."""
    world.make()
    plan = world.plan("method.alpha=0.2")
    assert rerun(plan) == {"align[drdo]", "evaluate[drdo]"}
    assert reason(plan, "align[drdo]").text == "method.alpha 0.1 -> 0.2 (the old student is kept)"
    assert [(change.key, change.old, change.new) for change in reason(plan, "align[drdo]").changed] == [
        ("method.alpha", 0.1, 0.2)
    ]
    assert reason(plan, "evaluate[drdo]").text == "input `align[drdo]` changed"
    assert reason(plan, "evaluate[drdo]").code == "input"


def test_going_back_reuses_the_old(world):
    """What was made before is still there: setting the value back runs nothing."""
    world.make()
    world.make("method.alpha=0.2")
    assert set(world.actions().values()) == {"reuse"}


def test_reasons_are_told_from_the_last_artifact_whatever_the_clock(world, monkeypatch):
    """What was made last is what the plan compares with, also where the clock was set back before that."""
    world.make()
    monkeypatch.setattr(
        "drdoctl.store.manifest.datetime", SimpleNamespace(now=lambda _: datetime(1970, 1, 1, tzinfo=UTC))
    )
    world.make("method.alpha=0.2")
    assert reason(world.plan("method.alpha=0.3"), "align[drdo]").text.startswith("method.alpha 0.2 -> 0.3")


def test_resources_change_nothing(world):
    """Other resources reuse everything."""
    world.make()
    sets = ("resources.micro_batch=2", "resources.processes=2", "resources.zero_stage=1", "resources.device=cpu")
    assert set(world.actions(*sets).values()) == {"reuse"}


def test_a_changed_row_is_named(world):
    """Another row in the data file runs everything again, and the plan names `data.source`."""
    world.make()
    world.data.write_text(world.data.read_text().replace("yes 5\n", "yes 6\n").replace('"yes 5"', '"yes 6"'))
    plan = world.plan()
    assert rerun(plan) == {stage.want.id for stage in plan.stages}
    assert reason(plan, "data").text == "`data.source` has other content (the old rows are kept)"
    assert reason(plan, "data").code == "external"
    assert reason(plan, "rewards").text == "input `data` changed, input `oracle` changed"


def test_changed_weights_are_named(world):
    """Other weights of the base run again what starts from it, and the plan names `student.model`."""
    world.make()
    write_model(world.base, fill=2)
    plan = world.plan()
    assert "data" not in rerun(plan)
    assert reason(plan, "sft").text == "`student.model` has other content (the old model is kept)"


def test_a_plan_needs_no_weights(world):
    """Without them the figures are the configuration's, and the plan says what apply will ask for."""
    whole = world.plan()
    (world.base / "model.safetensors").unlink()
    with pytest.raises(UserError, match="has no weights"):
        world.plan()
    plan = world.plan(weightless=True)
    assert [stage.want.id for stage in plan.stages] == [stage.want.id for stage in whole.stages]
    sft = next(stage for stage in plan.stages if stage.want.id == "sft")
    assert sft.estimate.flops > 0
    assert [text for text in plan.warnings if "has no weights" in text] == [
        f"the folder of `{key}` has no weights (`*.safetensors`): `apply` needs them, and they name the stages anew"
        for key in ("oracle.model", "student.model")
    ]
    write_model(world.base)
    assert world.plan().as_dict() == whole.as_dict()


def test_another_oracle_under_the_same_name_uses_no_old_reward(world, monkeypatch):
    """`zoo/judge` with other content: it is pulled, all that its rewards touch runs again, and the plan says why."""
    card = SimpleNamespace(config=CONFIG, role="oracle")
    files = {"tokenizer.json": file_sha256(world.base / "tokenizer.json")}  # the student's: the data stage needs no own
    known = SimpleNamespace(ref="zoo/judge", revision="r1", sha256="5" * 64, files=files, card=card)
    monkeypatch.setattr("drdoctl.zoo.resolve.zoo_facts", lambda ref, location, store: known)
    world.spec.write_text(SPEC.replace("oracle: {model: ./base, global_batch: 4}", "oracle: {model: zoo/judge}"))
    world.make()
    before = {stage.want.id: stage.want.artifact for stage in world.plan().stages}
    assert set(world.actions().values()) == {"reuse"}
    known.revision, known.sha256 = "r2", "6" * 64
    plan = world.plan()
    asks = {name for name in before if any(other.kind == "oracle" for other in _below(plan, name))}
    assert {stage.want.id for stage in plan.stages if stage.action != "reuse"} == asks
    assert {"rewards", "align[drdo]", "evaluate[drdo]"} <= asks
    assert not asks & {"data", "sft"}
    pulled = next(stage for stage in plan.stages if stage.action == "pull")
    assert pulled.want.externals == {"oracle.model": "6" * 64}
    assert reason(plan, "rewards").text == f"input `{pulled.want.id}` changed"
    assert reason(plan, "align[drdo]").text == "input `rewards` changed"
    assert all(stage.want.artifact != before[stage.want.id] for stage in plan.stages if stage.want.id in asks)


def _below(plan, name):
    """Return a stage and all it rests on."""
    return list(next(stage.want for stage in plan.stages if stage.want.id == name).walk())


def test_progress_is_resumed(world):
    """A stage with a checkpoint goes on from it, and the plan says where."""
    world.make(only={"data"})
    want = next(stage.want for stage in world.plan().stages if stage.want.id == "sft")
    folder, _ = world.store.open_partial(want)
    (folder / "job.json").write_text(json.dumps({"fingerprint": want.fingerprint}))
    (folder / "progress.json").write_text(json.dumps({"step": 12, "steps": 1023, "unit": "step", "checkpoint": 10}))
    plan = world.plan()
    assert reason(plan, "sft").text == "interrupted at step 10 of 1,023"
    stage = next(stage for stage in plan.stages if stage.want.id == "sft")
    assert (stage.action, stage.done) == ("resume", round(10 / 1023, 4))
    assert stage.as_dict()["done"] == stage.done
    assert all("done" not in other.as_dict() for other in plan.stages if other is not stage)
    (folder / "failure.json").write_text("{}")
    assert reason(world.plan(), "sft").text == "failed: goes on from step 10 of 1,023"
    (folder / "progress.json").unlink()
    assert reason(world.plan(), "sft").text == "failed before it had done anything"


@pytest.mark.parametrize("unit", ["row", "step"])
def test_what_saved_nothing_starts_afresh(world, unit):
    """A data stage keeps nothing of what it began, and training nothing before its first checkpoint: both say so."""
    name = "data" if unit == "row" else "sft"
    want = next(stage.want for stage in world.plan().stages if stage.want.id == name)
    folder, _ = world.store.open_partial(want)
    (folder / "job.json").write_text(json.dumps({"fingerprint": want.fingerprint}))
    (folder / "progress.json").write_text(json.dumps({"step": 41472, "steps": 0, "unit": unit, "checkpoint": None}))
    plan = world.plan()
    assert reason(plan, name).text == f"starts afresh: interrupted at {unit} 41,472, with nothing saved"
    assert {stage.want.id: stage.action for stage in plan.stages}[name] == "run"


def test_a_newer_code_version_says_so(world, monkeypatch):
    """A stage whose code version moved runs again, and says that its code is another one."""
    world.make()
    monkeypatch.setattr("drdoctl.stages.align.VERSION", 99)
    assert reason(world.plan(), "align[drdo]").text == "its code is another version (the old student is kept)"


def test_another_specs_artifacts_are_no_reason(world):
    """Artifacts that a spec of another name made are reused, but what is missing is new, not run again."""
    world.make()
    world.spec.write_text(world.spec.read_text().replace("name: small", "name: other"))
    assert set(world.actions().values()) == {"reuse"}
    assert set(world.actions("method.alpha=0.2").values()) == {"reuse", "run"}


def test_what_changed_in_a_list_of_evals_is_named(world):
    """Of the same evals, the reason names the options that changed; a long value is named, not printed."""
    world.make()
    text = reason(world.plan("evaluate.0.temperatures=[0.1, 0.2, 0.3]"), "evaluate[sft]").text
    assert text == "evaluate.win-rate.temperatures [0.7] -> [0.1, 0.2, 0.3] (the old figures are kept)"
    text = reason(world.plan(f"evaluate.0.temperatures={[at / 20 for at in range(20)]}"), "evaluate[sft]").text
    assert text == "evaluate.win-rate.temperatures changed (the old figures are kept)"


def test_another_list_of_evals_is_told_by_its_names(world):
    """Of long lists of plug-ins, the reason names those that came and those that went."""
    world.make()
    more = (
        "evaluate=[{name: pair-accuracy}, {name: reward-advantage, temperatures: [0.7], prompts: 8, max_new_tokens: 8}]"
    )
    text = reason(world.plan(more), "evaluate[sft]").text
    assert text == "evaluate with `reward-advantage` and without `win-rate` (the old figures are kept)"


def test_the_same_bytes_every_time(world):
    """Spec, store and data give the same JSON, whatever was planned before, and planning writes nothing."""
    world.make(only={"data", "sft"})
    before = sorted(path for path in world.root.rglob("*") if "cache" not in path.parts)
    first = as_text(world.plan())
    world.plan("method.alpha=0.5")
    assert as_text(world.plan()) == first
    assert sorted(path for path in world.root.rglob("*") if "cache" not in path.parts) == before
    assert str(world.root) not in first


def test_a_plan_fits_its_schema(world):
    """Every plan validates against `schemas/plan.schema.json`'s own source, with all actions in it."""
    world.make()
    for plan in (world.plan(), world.plan("method.alpha=0.2", "seed=3"), world.plan("name=other", "seed=9")):
        jsonschema.validate(json.loads(as_text(plan)), schema())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            ["method.gamma=1.0", "oracle.epochs=2", "student.sft.epochs=2", "train.epochs=3", "evaluate.0.top_p=0.5"]
        ),
        unique=True,
    )
)
def test_rerun_is_the_downstream_closure(world, sets):
    """What runs again is what changed itself and everything that rests on it; the rest is reused."""
    world.make()
    plan = world.plan(*sets)
    own = {stage.want.id for stage in plan.stages if stage.reason.code in ("settings", "external")}
    below = {stage.want.id for stage in plan.stages if {want.id for want in stage.want.walk()} & own}
    assert rerun(plan) == below
    assert {stage.want.id for stage in plan.stages if stage.action == "reuse"} == {
        stage.want.id for stage in plan.stages
    } - below


def test_golden_plan(world, golden):
    """A plan with reused, resumed, new and changed stages reads as agreed, on screen and as JSON."""
    world.make(only={"data", "sft", "align[drdo]", "oracle", "rewards"})
    want = next(stage.want for stage in world.plan().stages if stage.want.id == "evaluate[sft]")
    folder, _ = world.store.open_partial(want)
    (folder / "job.json").write_text(json.dumps({"fingerprint": want.fingerprint}))
    (folder / "progress.json").write_text(json.dumps({"step": 64, "steps": 256, "unit": "prompt", "checkpoint": None}))
    plan = world.plan("method.alpha=0.2")
    golden(GOLDEN / "mixed.json", as_text(plan))
    golden(GOLDEN / "mixed.txt", plan_text(plan.as_dict(), "spec.yaml") + "\n")
