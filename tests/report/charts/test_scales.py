"""Scales: round marks that enclose what is drawn, labels that tell neighbours apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.report.charts.scales import mark_label, round_scale, ticks, tight_scale

FINITE = st.floats(-1e7, 1e7, allow_subnormal=False).map(lambda value: round(value, 6))


@given(FINITE, FINITE, st.integers(2, 8))
def test_ticks_enclose(low, high, count):
    """Ticks ascend evenly, enclose the range, and are not many more than asked for."""
    low, high = sorted((low, high))
    marks = ticks(low, high, count)
    slack = 1e-6 * max(1.0, abs(low), abs(high), high - low)
    assert marks == sorted(set(marks))
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack
    assert 2 <= len(marks) <= count + 3


@given(FINITE, FINITE)
def test_marks_can_be_told_apart(low, high):
    """No two marks of a scale read the same."""
    scale = round_scale(*sorted((low, high)), 0, 100)
    labels = [scale.label(value) for value in scale.marks]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("value", "step", "text"), [(0.25, 0.25, "0.25"), (-0.0, 1, "0"), (1500, 500, "1,500"), (2e-5, 1e-5, "2.0e-5")]
)
def test_labels(value, step, text):
    """A mark has the digits its step needs, thousands their comma, very small numbers an exponent, zero no sign."""
    assert mark_label(value, step) == text


def test_a_tight_scale_ends_with_the_values():
    """The first and the last value lie at the ends, and only marks between them are drawn."""
    scale = tight_scale(3, 97, 0, 100)
    assert (scale.at(3), scale.at(97)) == (0, 100)
    assert min(scale.marks) >= 3
    assert max(scale.marks) <= 97


@pytest.mark.parametrize(("low", "high"), [(0.7 - 2e-16, 0.7), (-1e7, -1e7 + 1e-9), (0.0, 0.0), (5e-324, 5e-324)])
def test_rounding_is_no_range(low, high):
    """Values that differ by rounding alone are drawn as one, with labels that can be read."""
    scale = round_scale(low, high, 0, 100)
    assert len({scale.label(value) for value in scale.marks}) == len(scale.marks)
    assert 0 <= scale.at(low) <= scale.at(high) <= 100
