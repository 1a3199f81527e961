"""What `select` picks: by validation means over seeds alone, the first of equals, and nothing too early."""

from __future__ import annotations

from grid_house import CHOICE, grid, students
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.report.selection import selection
from drdoctl.spec.choice import Choice

KEYS = [(method, rate, seed) for method in ("dpo", "ipo") for rate in (0.1, 0.2) for seed in (0, 1)]
VALUES = dict(zip(KEYS, [1.0, 2.0, 5.0, -1.0, 3.0, 3.0, 3.0, 3.0], strict=True))
NUMBERS = st.lists(st.floats(-9, 9) | st.none(), min_size=8, max_size=8)


def picked(validation, test=None, made=None):
    """Return what is picked of each group."""
    return [row.picked for row in selection(made or grid(), students(validation, test))]


def test_the_best_mean_over_seeds_wins():
    """5 and -1 are more than 1 and 2 on average; of equals the first in the spec's order is taken."""
    first, second = selection(grid(), students(VALUES))
    assert (first.group, first.picked) == ("dpo", "dpo,rate=0.2")
    assert [row.validation for row in first.candidates] == [1.5, 2.0]
    assert [row.per_seed for row in first.candidates] == [[1.0, 2.0], [5.0, -1.0]]
    assert [row.picked for row in first.candidates] == [False, True]
    assert second.picked == "ipo,rate=0.1"


def test_the_goal_may_be_the_least():
    """With `min` the smallest mean wins."""
    least = grid(choice=Choice("truth.reward", None, "truth", 0.7, "min"))
    assert picked(VALUES, made=least) == ["dpo,rate=0.1", "ipo,rate=0.1"]


@given(NUMBERS, NUMBERS)
def test_test_figures_have_no_part_in_it(validation, test):
    """Whatever the test prompts say, the pick is the same."""
    known = dict(zip(KEYS, validation, strict=True))
    assert picked(known) == picked(known, dict(zip(KEYS, test, strict=True)))


def test_nothing_is_picked_while_one_is_missing():
    """Until every student of a group is evaluated nothing stands for it; other groups do not wait."""
    assert picked({key: value for key, value in VALUES.items() if key != KEYS[0]}) == [None, "ipo,rate=0.1"]


def test_a_student_without_the_figure_cannot_win():
    """A seed without a number takes its setting out of the choice; without any there is no pick."""
    assert picked(VALUES | {("dpo", 0.2, 1): None}) == ["dpo,rate=0.1", "ipo,rate=0.1"]
    assert picked(dict.fromkeys(KEYS)) == [None, None]


def test_the_very_figure_is_meant():
    """Figures of another temperature or metric are not looked at; without `select` there are no groups."""
    other = grid(choice=Choice(CHOICE.metric, None, "truth", 0.2, "max"))
    assert picked(VALUES, made=other) == [None, None]
    assert selection(grid(choice=None), students(VALUES)) == []
    assert selection(None, students(VALUES)) == []
