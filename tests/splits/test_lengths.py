import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from split_tables import pairs, tables

from drdoctl.splits.lengths import Lengths


def test_each_bound_by_hand():
    """Bounds are inclusive, and each is about its own column."""
    table = pairs(
        3,
        prompt_tokens=np.array([10, 20, 30]),
        chosen_tokens=np.array([5, 10, 11]),
        rejected_tokens=np.array([10, 10, 10]),
    )
    for options, kept in (
        ({"min_prompt_tokens": 20}, [1, 2]),
        ({"max_prompt_tokens": 20}, [0, 1]),
        ({"min_chosen_tokens": 10}, [1, 2]),
        ({"max_chosen_tokens": 10}, [0, 1]),
        ({"min_rejected_tokens": 11}, []),
        ({"max_rejected_tokens": 10}, [0, 1, 2]),
        ({"min_ratio": 1.1}, [0, 2]),
        ({"max_ratio": 1.0}, [1]),
        ({"max_ratio": 1.5, "min_chosen_tokens": 11}, [2]),
    ):
        assert Lengths(**options).keep(table, 0).tolist() == kept, options


@given(tables, st.floats(1, 4))
def test_the_ratio_does_not_ask_which_is_longer(table, most):
    """Turning all labels round changes nothing about which pairs are of like length."""
    columns = {**vars(table), "chosen_tokens": table.rejected_tokens, "rejected_tokens": table.chosen_tokens}
    turned = type(table)(**columns)
    step = Lengths(max_ratio=most)
    assert step.keep(table, 0).tolist() == step.keep(turned, 0).tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [({}, "needs one of"), ({"min_ratio": 2.0, "max_ratio": 1.5}, "no pair lies between"), ({"max_ratio": 0.5}, "1")],
)
def test_bounds_that_keep_nothing_are_refused(options, message):
    """No bound at all, bounds that cross, and a ratio below 1 are errors."""
    with pytest.raises(ValidationError, match=message):
        Lengths(**options)
