"""What is chosen by, and the best of several means."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.choice import best, is_meant, mean

FIGURE = {
    "metric": "win_rate",
    "against": "sft",
    "judge": "oracle",
    "temperature": 0.7,
    "part": "validation",
    "value": 1,
}


def test_every_field_tells_a_figure_apart():
    """A figure of another metric, baseline, judge, temperature or part is not meant; what else it says is not asked."""
    assert is_meant(FIGURE, {**FIGURE, "goal": "max"}, "validation")
    assert not is_meant(FIGURE, FIGURE, "test")
    for name in ("metric", "against", "judge", "temperature"):
        assert not is_meant(FIGURE, {**FIGURE, name: None}, "validation")


def test_a_missing_seed_leaves_no_mean():
    """A mean over the other seeds would compare unlike things."""
    assert mean([1.0, 2.0]) == 1.5
    assert mean([1.0, None]) is mean([]) is None


@given(st.dictionaries(st.text(max_size=3), st.none() | st.floats(-9, 9), max_size=5))
def test_the_best_is_the_first_of_equals(means):
    """The largest of the negated is the least; without any value there is none."""
    known = [value for value in means.values() if value is not None]
    if not known:
        assert best(means, "max") is best(means, "min") is None
        return
    assert best(means, "max") == next(name for name, value in means.items() if value == max(known))
    assert best({name: None if value is None else -value for name, value in means.items()}, "min") == best(means, "max")
