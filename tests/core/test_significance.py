"""Paired significance tests, against values computed by hand or from the laws themselves."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core import significance
from drdoctl.core.significance import CHANCE, SMALL, holm, holm_within, p_value, sign_flip, wald

FLOATS = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40)


def test_wald_at_a_known_quantile():
    """A mean of 1.959964 standard errors has p = 0.05, one of 2.575829 has p = 0.01."""
    base = np.random.default_rng(0).normal(size=400)
    base = (base - base.mean()) / base.std(ddof=1)
    assert wald(base + 1.959964 / 20) == pytest.approx(0.05, abs=1e-6)
    assert wald(base - 2.575829 / 20) == pytest.approx(0.01, abs=1e-6)


def test_wald_of_a_win_rate_by_hand():
    """60 wins of 100 against 1/2: z = 0.1 / (sqrt(0.24 * 100 / 99) / 10) = 2.030960, p = 0.042259."""
    shares = np.repeat([1.0, 0.0], [60, 40])
    expected = math.erfc(0.1 / (math.sqrt(0.24 * 100 / 99) / 10) / math.sqrt(2))
    assert wald(shares - CHANCE) == pytest.approx(expected, abs=1e-12)
    assert expected == pytest.approx(0.042259, abs=1e-5)


def test_wald_without_spread_and_without_values():
    """Values that do not vary are certain on either side of the null; one value has no standard error."""
    assert wald(np.zeros(5)) == 1.0
    assert wald(np.ones(5)) == 0.0
    with pytest.raises(ValueError, match="two values"):
        wald(np.ones(1))


def test_sign_flip_by_hand():
    """Of the 8 sums of +-1 +-2 +-4 two reach 7, four reach 5; a zero changes nothing."""
    assert sign_flip(np.array([1.0, 2.0, 4.0]), 0) == 2 / 8
    assert sign_flip(np.array([-1.0, 2.0, 4.0, 0.0]), 0) == 4 / 8
    assert sign_flip(np.array([-1.0, -2.0, -4.0]), 0) == 2 / 8


def test_the_sign_test_is_binomial():
    """8 wins of 10 have p = 2 (1 + 10 + 45) / 1024; ties are left out; all of 2,000 won underflows to 0, not to NaN."""
    wins = np.repeat([1.0, 0.0, 0.5], [8, 2, 7])
    assert sign_flip(wins - CHANCE, 0) == pytest.approx(112 / 1024, rel=1e-12)
    assert sign_flip(np.repeat([0.5, -0.5], 5), 0) == 1.0
    assert sign_flip(np.ones(20), 0) == pytest.approx(2.0**-19, rel=1e-9)
    assert sign_flip(np.ones(2000), 0) == 0.0


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=9))
def test_sign_flip_is_the_share_of_all_flips(values):
    """For whole numbers p is exactly the share of the 2^n sums that are at least as far from 0 as the observed one."""
    sums = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True))) for signs in product([1, -1], repeat=len(values))
    ]
    expected = np.mean([total >= abs(sum(values)) for total in sums])
    assert sign_flip(np.array(values, dtype=float), 0) == pytest.approx(expected, rel=1e-9)


def test_drawn_flips_come_near_all_flips(monkeypatch):
    """Drawing flips gives what enumerating them gives, within four standard errors, whatever is held at once."""
    values = np.random.default_rng(3).normal(0.4, 1, 16)
    exact = sign_flip(values, 0)
    monkeypatch.setattr(significance, "ENUMERATED", 0)
    drawn = sign_flip(values, 0)
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / significance.RESAMPLES))
    assert drawn != exact
    assert sign_flip(values, 0) == drawn != sign_flip(values, 1)
    monkeypatch.setattr(significance, "CHUNK", 16 * 1000)
    assert sign_flip(values, 0) == drawn


def test_few_prompts_or_no_spread_take_the_exact_test():
    """Up to 50 values that are not at the null, and where nothing varies, p is the sign-flip test's; beyond, Wald's."""
    rng = np.random.default_rng(0)
    few, many = rng.normal(0.3, 1, SMALL), rng.normal(0.1, 1, SMALL + 1)
    assert p_value(few, 7) == sign_flip(few, 7)
    assert p_value(many, 7) == wald(many)
    assert p_value(np.concatenate([many, [np.nan]]), 7) == wald(many)
    assert p_value(np.ones(200), 7, CHANCE) == pytest.approx(2.0**-199, rel=1e-9)
    assert p_value(np.full(200, 0.5), 7, CHANCE) == 1.0


def test_one_value_has_no_p_value():
    """Fewer than two values that are numbers give None."""
    assert p_value(np.array([1.0]), 0) is None
    assert p_value(np.array([1.0, np.nan]), 0) is None


@pytest.mark.parametrize("size", [12, 30, 300])
def test_p_values_are_uniform_under_the_null(size):
    """Over 400 draws without an effect, p is below 0.05 in 2 to 9 % of them and below 0.5 in 40 to 60 %."""
    rng = np.random.default_rng(size)
    found = [p_value(rng.normal(size=size), draw) for draw in range(400)]
    assert 0.02 <= np.mean(np.array(found) < 0.05) <= 0.09
    assert 0.40 <= np.mean(np.array(found) < 0.5) <= 0.60


@given(FLOATS)
def test_p_is_a_probability_and_blind_to_the_sign(values):
    """Any values give a p in [0, 1], and their negatives the same."""
    p = p_value(np.array(values), 0)
    assert 0 <= p <= 1
    assert p_value(-np.array(values), 0) == pytest.approx(p, abs=0.02)


def test_holm_by_hand():
    """Of (0.01, 0.04, 0.03) the least is tripled, the next doubled, the last at least as large; None does not count."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_keeps_the_order_and_never_lowers(found):
    """Adjusted p-values are at least the plain ones, at most 1, and in the same order."""
    adjusted = holm(found)
    assert all(p <= q <= 1 for p, q in zip(found, adjusted, strict=True))
    assert [adjusted[place] for place in np.argsort(found, kind="stable")] == sorted(adjusted)


def test_holm_within_minds_each_table_alone():
    """Two tables laid through each other give what each gives alone, in the order they came."""
    found, tables = [0.01, 0.6, 0.04, None, 0.03, 0.7], ["a", "b", "a", "b", "a", "b"]
    assert holm_within(found, tables)[::2] == holm([0.01, 0.04, 0.03])
    assert holm_within(found, tables)[1::2] == holm([0.6, None, 0.7])
