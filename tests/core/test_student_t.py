"""Student's t against printed tables, the normal law, and values by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.student_t import central, interval, p_value, quantile

TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 29: 2.045, 30: 2.042, 120: 1.980}


@pytest.mark.parametrize(("df", "t"), TABLE.items())
def test_quantiles_are_those_of_printed_tables(df, t):
    """The two-sided 95 % points to the three digits that every table gives."""
    assert quantile(0.95, df) == pytest.approx(t, abs=5e-4)


def test_one_and_two_degrees_have_closed_forms():
    """One is Cauchy's law, two has an algebraic one."""
    for t in (0.1, 1.0, 7.5):
        assert central(t, 1) == pytest.approx(2 / math.pi * math.atan(t), rel=1e-14)
        assert central(t, 2) == pytest.approx(t / math.sqrt(2 + t * t), rel=1e-14)


def test_many_degrees_are_the_normal_law():
    """At 100,000 degrees of freedom the two agree to five digits."""
    assert central(1.96, 100_000) == pytest.approx(math.erf(1.96 / math.sqrt(2)), abs=1e-5)


@given(st.floats(0.01, 0.999), st.integers(1, 60))
def test_quantiles_undo_the_law(level, df):
    """The law at a quantile is its level."""
    assert central(quantile(level, df), df) == pytest.approx(level, abs=1e-9)


def test_interval_and_test_by_hand():
    """Of 1, 2, 3: mean 2, standard error 1/sqrt(3), two degrees of freedom."""
    low, high = interval([1.0, 2.0, 3.0])
    assert (low, high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4)
    t = 2 * 3**0.5
    assert p_value([1.0, 2.0, 3.0]) == pytest.approx(1 - t / math.sqrt(2 + t * t))
    assert p_value([1.0, 2.0, 3.0], null=2.0) == pytest.approx(1.0)


def test_too_few_or_equal_values():
    """One value has neither; equal ones are certain."""
    assert interval([1.0]) is None
    assert p_value([1.0]) is None
    assert interval([1.0, 1.0]) == (1.0, 1.0)
    assert (p_value([0.0, 0.0]), p_value([0.5, 0.5])) == (1.0, 0.0)
    with pytest.raises(ValueError, match="degree of freedom"):
        central(1.0, 0)
