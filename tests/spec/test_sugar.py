"""Short forms stand for their long forms."""

from __future__ import annotations

import pytest

from drdoctl.spec.model import Spec

LONG = {
    "version": 1,
    "name": "x",
    "data": {"source": {"name": "notes"}, "split": [{"name": "hard"}]},
    "student": {"model": {}},
    "method": {"name": "dpo"},
    "evaluate": [{"name": "pair-accuracy"}],
}


@pytest.mark.parametrize(
    "short",
    [
        {"method": "dpo"},
        {"data": {"source": "notes", "split": "hard"}},
        {"data": {"source": "notes", "split": {"name": "hard"}}},
        {"data": {"source": {"name": "notes"}, "split": ["hard"]}},
        {"evaluate": ["pair-accuracy"]},
    ],
)
def test_short_forms_make_the_same_spec(short):
    """A bare name is a mapping with that name, one step a list of one; which fields are set is the same too."""
    one, other = Spec.model_validate({**LONG, **short}), Spec.model_validate(LONG)
    assert one == other
    assert one.model_dump(exclude_unset=True) == other.model_dump(exclude_unset=True)
