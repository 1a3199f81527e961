"""Specs put together at random, edited at random: what runs again is just what the edit reaches, and then nothing."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from plan_world import World, write_model, write_weights

from drdoctl.core.errors import UserError

SAMPLED = {"temperatures": [0.7], "prompts": 8, "max_new_tokens": 8}
PLAIN = ["sft", "dpo", "ipo", "cpo", "orpo", "simpo", "hinge", "kto"]
TAUGHT = ["drdo", "d-dpo", "e-dpo", "p-dpo", "pd-dpo", "rebel", "rpo-sq", "rpo-bwd-kl", "rpo-fwd-kl"]
EVALS = ["pair-accuracy", "oracle-quality", "win-rate", "reward-advantage"]
SPLITS = [[], ["easy"], ["hard"], [{"name": "confidence", "at_most": 5.0}], [{"name": "sample", "fraction": 0.5}]]
LATE_SPLITS = [["relabel"], ["easy", {"name": "margin", "at_most": 1.0}]]
METHOD_OPTIONS = {"e-dpo": {"members": 2}}
TRAINING = {"learning_rate": 3.0e-4, "global_batch": 4}


@st.composite
def specs(draw):
    """Return a spec, plain. Pieces that do not go together make one that does not load."""
    oracle = draw(st.sampled_from([None, "./base", "./other", "./judge", "sft"]))
    judged = draw(st.booleans())
    names = draw(st.lists(st.sampled_from(PLAIN + (TAUGHT if oracle else [])), min_size=1, max_size=3, unique=True))
    evals = draw(st.lists(st.sampled_from(EVALS if oracle or judged else EVALS[:1]), max_size=3, unique=True))
    steps = draw(st.sampled_from(SPLITS + (LATE_SPLITS if oracle else [])))
    by = "fair" if judged else "oracle"
    asked = [name for name in evals if name in EVALS[2:]]
    if steps not in LATE_SPLITS and not set(names) & set(TAUGHT) and not set(evals) & set(EVALS[:2]):
        oracle = oracle if asked and not judged else None  # it would have no effect
    judged = judged and bool(asked or "oracle-quality" in evals)
    sft = draw(st.booleans()) or oracle == "sft" or "sft" in names
    spec = {
        "version": 1,
        "name": "small",
        "seed": 7,
        "data": {"source": {"jsonl": "pairs.jsonl"}, "max_prompt_tokens": 40, "max_tokens": 64, "split": steps},
        "student": {"model": "./base", "sft": {"epochs": 1, **TRAINING} if sft else False},
        "train": dict(TRAINING),
        "evaluate": [{"name": name, **(SAMPLED | {"judge": by} if name in asked else {})} for name in evals],
    }
    if oracle:
        spec["oracle"] = {"model": oracle, **({} if oracle == "./judge" else TRAINING)}
        if oracle != "./judge" and steps and draw(st.booleans()):
            spec["oracle"]["pairs"] = "all"
    if judged:
        spec["data"]["judge_fraction"] = 0.3
        spec["judges"] = {"fair": {"model": draw(st.sampled_from(["./base", "./other"])), **TRAINING}}
    options = [{"name": name, **METHOD_OPTIONS.get(name, {})} for name in names]
    if len(options) > 1 or draw(st.booleans()):
        spec["matrix"] = {"method": options}
        if draw(st.booleans()):
            spec["matrix"]["seed"] = [1, 2]
            del spec["seed"]
    else:
        spec["method"] = options[0]
    return spec


def by_kind(*kinds):
    """Return a rule: the stages of these kinds, but for those that train judges."""
    return lambda want: want.kind in kinds and not want.label.startswith("fair")


def nothing(_):
    """Return the rule of what reaches no stage."""
    return False


def reads(folder):
    """Return a rule: the stages that read the weights in a folder."""
    return lambda want: any(
        key.endswith(".model") and isinstance(place, dict) and str(place.get("path", "")).endswith(folder)
        for key, place in want.locations.items()
    )


def wins(want):
    """Tell whether a stage measures a win rate."""
    return any(one["name"] == "win-rate" for one in want.settings.get("evaluate", ()))


SETS = {
    "train.weight_decay=0.07": by_kind("align"),
    "train.learning_rate=0.002": by_kind("align"),
    "data.max_rows=50": lambda want: want.settings.get("data.max_rows") == 50,
    "data.max_tokens=63": lambda want: want.kind == "data",
    "data.source.jsonl=copy.jsonl": nothing,
    "resources.micro_batch=2": nothing,
    "resources.processes=2": nothing,
    "resources.zero_stage=2": nothing,
    "name=another": nothing,
}  # fmt: skip


def edits_of(spec):
    """Return the edits that a spec knows: `--set`s, or what is done to its files -> which stages read it themselves."""
    known = dict(SETS)
    if spec["student"]["sft"]:
        known["student.sft.weight_decay=0.07"] = by_kind("sft")
    if spec.get("oracle", {}).get("model") in ("./base", "./other", "sft"):
        known["oracle.weight_decay=0.07"] = by_kind("oracle")
    if "judges" in spec:
        known["judges.fair.weight_decay=0.07"] = lambda want: want.id.startswith("oracle[fair")
    if any(one["name"] == "win-rate" for one in spec["evaluate"]):
        at = next(place for place, one in enumerate(spec["evaluate"]) if one["name"] == "win-rate")
        known[f"evaluate.{at}.top_p=0.5"] = wins
    known |= {f"weights:{name}": reads(name) for name in ("base", "other", "judge")}
    known |= {"row": lambda want: want.kind == "data", "touch": nothing, "order": nothing}
    return known


def carry_out(world, spec, edits):
    """Do to the files what the edits say; return the others, which are for `--set`."""
    for edit in edits:
        if edit.startswith("weights:"):
            write_weights(world.root / edit.partition(":")[2] / "model.safetensors", fill=9)
        elif edit == "row":
            world.data.write_text(world.data.read_text().replace("yes 5", "yes 6"))
            (world.root / "copy.jsonl").write_text(world.data.read_text())
        elif edit == "touch":
            for path in (world.data, world.base / "model.safetensors", world.base / "tokenizer.json"):
                os.utime(path, (1, 1))
        elif edit == "order":
            world.spec.write_text("# the same\n" + json.dumps(dict(reversed(spec.items())), indent=3))
    return [edit for edit in edits if "=" in edit]


def below(wants, roots):
    """Return the ids of the stages that are, or rest on, one of these."""
    return {want.id for want in wants if any(other.id in roots for other in want.walk())}


@pytest.fixture
def quick_disk(monkeypatch):
    """Leave out waiting for the disk: no power is cut here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(spec=specs(), data=st.data())
def test_what_runs_again_is_what_the_edit_reaches(tmp_path_factory, quick_disk, spec, data):
    """After an apply nothing is left; after an edit exactly its readers and all below run, and then nothing again."""
    world = World(tmp_path_factory.mktemp("random"))
    write_model(world.root / "other", fill=2)
    write_model(world.root / "judge", fill=3, architectures=["LlamaForSequenceClassification"], num_labels=1)
    (world.root / "copy.jsonl").write_text(world.data.read_text())
    world.spec.write_text(json.dumps(spec, indent=1))
    try:
        before = world.wants()
    except UserError as error:
        event(f"no spec: {error.faults[0].code}")
        assume(False)
    assert set(world.actions().values()) == {"run"}
    world.make()
    assert set(world.actions().values()) == {"reuse"}

    known = edits_of(spec)
    edits = data.draw(
        st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=2, unique_by=lambda e: e.split("=")[0])
    )
    sets = carry_out(world, spec, edits)
    plan = world.plan(*sets)
    again = {stage.want.id for stage in plan.stages if stage.action != "reuse"}
    now = [stage.want for stage in plan.stages]
    assert again == below(now, {want.id for want in now if any(known[edit](want) for edit in edits)})
    event(f"{len(again)} of {len(before)} run again")

    world.make(*sets)
    assert set(world.actions(*sets).values()) == {"reuse"}
