"""The models: strict, closed, frozen, and described."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from drdoctl.core.parts import descriptions
from drdoctl.spec.model import Spec
from drdoctl.spec.spots import SECTIONS

SMALL = {"version": 1, "name": "x", "data": {"source": "notes"}, "student": {"model": {}}}


def test_every_field_says_what_it_is():
    """Help, hover and schema come from docstrings: none may be missing."""
    for path, cls in SECTIONS.items():
        bare = [name for name in cls.model_fields if name not in descriptions(cls)]
        assert bare == [
            name for name in ("data", "student", "oracle", "train", "publish", "resources") if not path and name in bare
        ]


def test_dumping_and_reading_again_changes_nothing():
    """A spec's plain form is a spec, with or without the defaults."""
    spec = Spec.model_validate({**SMALL, "method": {"name": "drdo", "reward": "head"}, "evaluate": ["true-reward"]})
    assert Spec.model_validate(spec.model_dump(mode="json")) == spec
    assert Spec.model_validate(spec.model_dump(mode="json", exclude_unset=True)) == spec


@pytest.mark.parametrize("resources", [{"price_per_hour": 1e308}, {"gflops": 1e-310}, {"gflops": 1e12}])
def test_a_plan_stays_finite(resources):
    """A price or a speed with which seconds or money would be infinite, which JSON cannot say, is refused."""
    with pytest.raises(ValidationError):
        Spec.model_validate({**SMALL, "resources": resources})


@pytest.mark.parametrize(
    "change",
    [
        {"version": True},
        {"seed": True},
        {"seed": "1"},
        {"resources": {"zero_stage": True}},
        {"student": {"model": {}, "sft": 0}},
    ],
)
def test_nothing_is_coerced(change):
    """Booleans are no numbers, words are no numbers, and zero is not false."""
    with pytest.raises(ValidationError):
        Spec.model_validate({**SMALL, **change})
