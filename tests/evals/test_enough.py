"""What evals need of the data before anything is sampled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.errors import UserError
from drdoctl.core.words import TEST, VALIDATION
from drdoctl.evals import evals
from drdoctl.evals._division import parts_of
from drdoctl.evals._enough import require_prompts, require_references

SAMPLED = evals()["win-rate"](name="win-rate", against=["sft"])
PAIRS = evals()["pair-accuracy"](name="pair-accuracy")


def few(prompts):
    """Return an eval that samples from so many prompts."""
    return SAMPLED.model_copy(update={"prompts": prompts})


def test_no_prompts_is_a_fault_only_where_some_are_sampled():
    """An eval of held-out pairs needs none."""
    require_prompts([PAIRS], [])
    require_prompts([PAIRS, SAMPLED], ["one"])
    with pytest.raises(UserError, match="no evaluation prompts") as caught:
        require_prompts([PAIRS, SAMPLED], [])
    assert "eval_fraction" in caught.value.faults[0].hint


@given(st.lists(st.text(min_size=1), min_size=1, max_size=6, unique=True), st.floats(0.05, 0.95), st.integers(1, 8))
def test_both_sides_of_a_division_need_a_prompt(prompts, fraction, most):
    """Refused exactly where the first prompts, as many as the eval with the fewest takes, lie all on one side."""
    missing = {VALIDATION, TEST} - set(parts_of(prompts[:most], fraction))
    if not missing:
        require_prompts([SAMPLED, few(most)], prompts, fraction)
        return
    with pytest.raises(UserError, match=f"is a {VALIDATION if VALIDATION in missing else TEST} prompt") as caught:
        require_prompts([SAMPLED, few(most)], prompts, fraction)
    assert "validation_fraction" in caught.value.faults[0].hint


def test_references_are_counted_where_a_judge_sees_them():
    """Every prompt needs one, and only an eval that shows them asks."""
    asked = evals()["llm-judge"](name="llm-judge", model="m", against=["reference"])
    require_references([SAMPLED], [None])
    require_references([asked], ["yes"])
    with pytest.raises(UserError, match="2 of 3 have none"):
        require_references([asked], ["yes", None, ""])
