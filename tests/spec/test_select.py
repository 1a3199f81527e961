"""The shape of `select`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from drdoctl.spec.select import Select


def test_one_key_is_a_list_of_one():
    """What is chosen may be one word, and everything but the metric and that word may be left out."""
    select = Select(metric="truth.reward", over="method.beta")
    assert select.over == ["method.beta"]
    assert (select.goal, select.temperature) == (None, None)


@pytest.mark.parametrize("fields", [{"over": []}, {"over": "a", "temperature": -0.1}, {"over": "a", "goal": "best"}])
def test_what_is_no_choice(fields):
    """Something is chosen, temperatures are not negative, and a goal is one of two."""
    with pytest.raises(ValidationError):
        Select(metric="truth.reward", **fields)
