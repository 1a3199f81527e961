"""The align stage's slice of the spec."""

from __future__ import annotations


def align(world, *sets):
    """Return the align stage."""
    return next(want for want in world.wants(*sets) if want.kind == "align")


def test_the_slice(world):
    """The student reads the method, the training settings, the start model and cached rewards; no oracle itself."""
    want = align(world)
    assert {key.split(".")[0] for key in want.settings} == {"method", "train", "student", "seed"}
    assert list(want.inputs) == ["data", "policy", "rewards"]


def test_the_methods_learning_rate_takes_the_others_place(world):
    """The rate that is not used is in no fingerprint."""
    want = align(world, "method.learning_rate=3e-6")
    assert want.settings["train.learning_rate"] == 3e-6
    assert "method.learning_rate" not in want.settings
    assert want.fingerprint == align(world, "train.learning_rate=3e-6").fingerprint
