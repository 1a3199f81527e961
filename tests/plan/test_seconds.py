"""Seconds: nominal work, and which earlier stages say how fast the machine is."""

from __future__ import annotations

import pytest

from drdoctl.plan.seconds import MACHINE, SPEEDS, Witness, Work, assumption, likeness, nominal, slowness, witnesses

RESOURCES = {"device": "cpu", "threads": 1, "gflops": None}
FACTS = {"dtype": "fp32", "processes": 1, "threads": 1, "device": "cpu"}


def witness(kind, ratio, seconds=1.0, **facts):
    """Return an earlier stage of so many nominal seconds."""
    return Witness(likeness(kind, {**FACTS, **facts}), ratio, seconds)


def test_work_adds_up():
    """Work done twice takes twice as long, but for its start."""
    once = Work(flops=9e9, moved=4e9, calls=1000, starts=2.0)
    assert nominal(once.times(2), "fp32", RESOURCES) - 2 == pytest.approx(2 * (nominal(once, "fp32", RESOURCES) - 2))
    assert (once + once).flops == once.times(2).flops


def test_what_makes_it_faster():
    """An arithmetic has a speed of its own, and more threads and a given speed shorten what is computed."""
    todo = Work(flops=1e12)
    plain = nominal(todo, "fp32", RESOURCES)
    assert plain == pytest.approx(1e12 / (SPEEDS["cpu"].gflops["fp32"] * 1e9))
    assert nominal(todo, "bf16", RESOURCES) == pytest.approx(1e12 / (SPEEDS["cpu"].gflops["bf16"] * 1e9))
    assert nominal(todo, "fp32", {**RESOURCES, "threads": 2}) == pytest.approx(plain / 2)
    assert nominal(todo, "fp32", {**RESOURCES, "gflops": 500.0}) == pytest.approx(2.0)


def test_the_most_alike_tell():
    """A stage of the same kind counts more than one of the same arithmetic; several give their median."""
    known = [witness("sft", 2.0), witness("align", 4.0), witness("align", 7.0, dtype="bf16")]
    known += [witness("align", ratio) for ratio in (6.0, 5.5)]
    assert slowness(likeness("sft", FACTS), known) == 2.0
    assert slowness(likeness("align", FACTS), known) == 5.5
    assert slowness(likeness("align", {**FACTS, "dtype": "bf16"}), known) == 7.0
    assert slowness(likeness("align", {**FACTS, "processes": 2}), known) == 5.5


def test_a_long_stage_tells_more():
    """A stage counts for its seconds: two short ones, which are mostly start, do not outvote it; ten do."""
    known = [witness("sft", 0.5), witness("sft", 0.6), witness("sft", 1.1, seconds=5.0)]
    assert slowness(likeness("sft", FACTS), known) == 1.1
    assert slowness(likeness("sft", FACTS), known + [witness("sft", 0.7)] * 8) == 0.7


def test_data_stages_tell_of_nothing_else():
    """Tokenising says nothing of training, nor the other way round."""
    assert slowness(likeness("align", FACTS), [witness("data", 3.0)]) is None
    assert slowness(likeness("data", FACTS), [witness("align", 3.0), witness("data", 2.0)]) == 2.0
    assert slowness(likeness("data", FACTS), []) is None


def test_manifests_without_nominal_seconds_are_no_witnesses():
    """Artifacts from before plans had nominal seconds, or of another nominal machine, and pulled ones, say nothing."""
    made = {"kind": "sft", "fingerprint": "f", "seconds": 6.0, "metrics": {"flops": 1e9, "nominal_machine": MACHINE}}
    assert witnesses([made], {}) == []
    whole = {**made, "metrics": {**made["metrics"], "nominal_seconds": 2.0}}
    for other in ({"nominal_machine": MACHINE - 1}, {"nominal_machine": None}):
        assert witnesses([{**whole, "metrics": {**whole["metrics"], **other}}], {}) == []
    assert [one.ratio for one in witnesses([whole], {})] == [3.0]
    assert [one.ratio for one in witnesses([whole], {"f": 2e9})] == [1.5]


def test_the_assumption_in_words():
    """The sentence names the speed of a process: assumed for its device and arithmetic, or given."""
    assert assumption(["fp32"], RESOURCES) == "240 GFLOP/s in each process"
    assert assumption(["bf16", "fp32"], {**RESOURCES, "device": "cuda"}) == "40 TFLOP/s or 300 TFLOP/s in each process"
    assert assumption(["fp32"], {**RESOURCES, "gflops": 12.5}) == "12.5 GFLOP/s in each process"
