"""What does not fit, and the change that makes it fit."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from plan_world import SPEC

from drdoctl.plan.fit import changes, fit_text, machine_text
from drdoctl.plan.schema import schema
from drdoctl.plan.types import Fit

MODEL = "model: ./base"
LEAST = (
    "resources.device=cuda",
    "resources.micro_tokens=64",
    "resources.gradient_checkpointing=true",
    "resources.activation_offload=true",
)
DEEP = (
    "student.model={layers: 48, hidden_size: 128, heads: 4, max_positions: 8000}",
    "student.tokenizer=./base",
    "oracle.model=sft",
    "data.max_prompt_tokens=6000",
    "data.max_tokens=8000",
    "evaluate=[pair-accuracy]",
)


@pytest.fixture
def big(world):
    """Give the world a student and an oracle of 125 M parameters."""
    world.spec.write_text(SPEC.replace(MODEL, "model: facebook/opt-125m"))
    return world


def largest(plan):
    """Return GiB of the plan's largest stage."""
    return max(stage.estimate.memory_gib for stage in plan.stages)


def sets(plan):
    """Return the advised values as they would be typed."""
    return re.findall(r"--set ([^ `]+)", fit_text(plan.fit))


@pytest.mark.parametrize(
    ("given", "share", "key"),
    [
        (("resources.micro_tokens=16384", "train.global_batch=64"), 0.9, "micro_tokens"),
        ((*LEAST, "resources.processes=4"), 0.8, "zero_stage"),
        (LEAST, 0.985, "offload"),
    ],
)
def test_the_advice_fits(big, given, share, key):
    """The advised change, applied as it is printed, makes every stage fit, and the plan then says nothing more."""
    big.data.write_text(big.data.read_text().replace("question", "question " * 300))
    given = (*given, "data.max_prompt_tokens=512", "data.max_tokens=1024")
    room = share * largest(big.plan(*given))
    limit = f"resources.memory_gib={room}"
    plan = big.plan(*given, limit)
    assert plan.fit is not None
    assert plan.fit.fits
    assert any(value.startswith(f"resources.{key}=") for value in sets(plan))
    again = big.plan(*given, limit, *sets(plan))
    assert largest(again) == plan.fit.then_gib <= room
    assert again.fit is None


def test_activations_leave_a_gpu_where_recomputing_is_not_enough(world):
    """Many layers' inputs, which recomputation keeps, can lie in the CPU's memory; on a CPU that is no way out."""
    world.data.write_text(world.data.read_text().replace("question", "question " * 3000))
    limit = "resources.memory_gib=1.0"
    fit = world.plan(*DEEP, "resources.device=cuda", limit).fit
    assert (fit.fits, fit.sets) == (True, ("resources.activation_offload=true",))
    assert largest(world.plan(*DEEP, "resources.device=cuda", limit, *fit.sets)) == fit.then_gib <= 1.0
    assert not any("activation_offload" in value for value in world.plan(*DEEP, limit).fit.sets)


def test_nothing_fits(big):
    """Where no single change is enough, the text says by how much the nearest one misses."""
    plan = big.plan("resources.memory_gib=1")
    assert plan.fit is not None
    assert not plan.fit.fits
    text = plan.warnings[-1]
    assert text == fit_text(plan.fit)
    assert f"{plan.fit.then_gib - 1:.2f}" in text
    document = json.loads(json.dumps(plan.as_dict()))
    jsonschema.validate(document, schema())
    assert document["fit"]["fits"] is False


@pytest.mark.parametrize("room", [0.45, 0.4499, 0.5, 1.0, 123.4567891, 8.0])
@pytest.mark.parametrize("beyond", [0.001, 0.0001, 0.004, 0.3, 2.0])
def test_what_is_printed_is_true(room, beyond):
    """As printed, what does not fit is more than the limit, what helps is not, and what is lacking is not nothing."""
    over, under = round(room + beyond, 4), round(room - 0.0001, 4)
    for fit in (Fit(room, ("sft",), over, ("a=1",), under), Fit(room, ("sft",), 2 * over, ("a=1",), over)):
        text = fit_text(fit)
        needs, limit = re.search(r"up to (\S+) GiB a process, more than `resources.memory_gib: (\S+)`", text).groups()
        assert float(needs) > float(limit) == room
        if fit.fits:
            assert float(re.search(r"brings it to (\S+) GiB", text)[1]) <= room
        else:
            then, lacking = re.search(r"with (\S+) GiB, (\S+) too much", text).groups()
            assert float(then) > room
            assert float(lacking) > 0
    assert "up to 0.4501 GiB a process, more than `resources.memory_gib: 0.45`:" in fit_text(
        Fit(0.45, ("sft",), 0.4501, (), 0.4501)
    )
    assert "up to 2.50 GiB a process, more than `resources.memory_gib: 2`:" in fit_text(
        Fit(2.0, ("sft",), 2.5, (), 2.5)
    )


def test_no_word_where_all_fits(big):
    """Without `memory_gib`, or with enough of it, nothing is said."""
    assert big.plan().fit is None
    assert big.plan("resources.memory_gib=500").fit is None
    assert "fit" not in big.plan().as_dict()


def test_what_is_there_already_need_not_fit(big):
    """Stages that are reused take no memory: a plan with nothing to do has nothing that does not fit."""
    assert big.plan("resources.memory_gib=0.001").fit is not None
    big.make()
    assert big.plan("resources.memory_gib=0.001").fit is None


def test_the_store_is_read_once_whatever_is_tried(big, monkeypatch):
    """Manifests, which may be many, are read once for all estimates, those of changes that might fit included."""
    read, made = [], big.store.manifests
    monkeypatch.setattr(big.store, "manifests", lambda: read.append(1) or made())
    assert not big.plan("resources.memory_gib=0.01").fit.fits
    assert len(read) == 1


def test_the_order_of_changes():
    """Smaller micro-batches come first, then recomputation, activations away, ZeRO and offload; nothing set already."""
    resources = {
        "device": "cuda", "processes": 2, "zero_stage": 1, "micro_tokens": 256, "micro_batch": None,
        "gradient_checkpointing": False, "activation_offload": False, "offload": "none",
    }  # fmt: skip
    assert list(changes(resources)) == [
        {"micro_tokens": 128},
        {"micro_tokens": 64},
        {"gradient_checkpointing": True},
        {"activation_offload": True},
        {"zero_stage": 2},
        {"zero_stage": 3},
        {"offload": "optimizer"},
        {"zero_stage": 2, "offload": "optimizer"},
        {"zero_stage": 3, "offload": "optimizer"},
        {"zero_stage": 3, "offload": "all"},
    ]
    assert {"activation_offload": True} not in changes({**resources, "activation_offload": True})
    whole = [one for one in changes({**resources, "zero_stage": 0}) if one.get("offload") == "optimizer"]
    assert whole == [{"zero_stage": stage, "offload": "optimizer"} for stage in (1, 2, 3)]
    single = [one for one in changes({**resources, "zero_stage": 0, "processes": 1}) if "offload" in one]
    assert single == [{"zero_stage": 1, "offload": "optimizer"}, {"zero_stage": 3, "offload": "all"}]
    alone = {**resources, "device": "cpu", "processes": 1, "gradient_checkpointing": True, "micro_tokens": 100}
    assert list(changes(alone)) == []


def test_the_machine_is_too_small(big):
    """A machine with less memory than all processes need together is named with what to ask the plan."""
    plan = big.plan()
    assert machine_text(plan, 1, 500.0) is None
    text = machine_text(plan, 2, 2 * largest(plan) - 0.1)
    assert text is not None
    assert text.startswith("2 processes need about")
    need, has = re.search(r"need about (\S+) GiB, and this machine has (\S+):", text).groups()
    assert float(need) > float(has)
    # what fits into the advised share fits the machine
    close = machine_text(plan, 1, largest(plan) - 0.0004)
    assert float(re.search(r"memory_gib=(\S+)`", close)[1]) <= largest(plan) - 0.0004
