"""Logarithms and gates that must stay finite and exact."""

from __future__ import annotations

from decimal import Decimal, getcontext

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.numerics import CERTAIN, focal_gate, log1mexp, share_above, widen

getcontext().prec = 100


def exact(z):
    """Return log(1 - exp(z)) from 100 digits."""
    return float((1 - Decimal(z).exp()).ln())


@pytest.mark.parametrize("z", [-1e-5, -1e-3, -0.5, -0.6931471805599453, -0.7, -1.0, -10.0, -40.0, -100.0])
def test_log1mexp_matches_exact_arithmetic(z):
    """In float64 the value agrees with 100-digit arithmetic to 14 digits on both branches and at their seam."""
    assert log1mexp(torch.tensor(z, dtype=torch.float64)).item() == pytest.approx(exact(z), rel=1e-14, abs=0)


@pytest.mark.parametrize(("z", "factor"), [(-1.0, 0.5819767), (-10.0, 4.5402e-5), (-40.0, 4.2483543e-18)])
def test_log1mexp_slope_is_the_odds(z, factor):
    """The gradient is -exp(z)/(1 - exp(z)), down to where sums of log-probabilities lie, in float32 too."""
    at = torch.tensor(z, requires_grad=True)
    log1mexp(at).backward()
    assert at.grad.item() == pytest.approx(-factor, rel=1e-4)


@given(st.floats(-1e4, 0, width=32))
def test_log1mexp_is_finite_with_its_gradient(z):
    """No z in [-1e4, 0] gives NaN or infinity in float32, in value or gradient; the value is never above 0."""
    at = torch.tensor(z, requires_grad=True)
    value = log1mexp(at)
    value.backward()
    assert torch.isfinite(value)
    assert value.item() <= 0
    assert torch.isfinite(at.grad)


def test_log1mexp_at_the_ends():
    """A certain response is held at `CERTAIN`; an impossible one costs nothing; neither has an infinite slope."""
    at = torch.tensor([0.0, 1e-3, float("-inf")], requires_grad=True)
    value = log1mexp(at)
    value.sum().backward()
    assert value[0].item() == value[1].item() == pytest.approx(exact(CERTAIN), rel=1e-6)
    assert value[2].item() == 0
    assert torch.isfinite(at.grad).all()


@given(st.floats(-1e4, 1e4, width=32), st.floats(0, 10, width=32))
def test_focal_gate_is_finite_and_in_the_unit_interval(margin, gamma):
    """(1 - p)^gamma lies in [0, 1] with a finite gradient for any margin and gamma."""
    at = torch.tensor(margin, requires_grad=True)
    gate = focal_gate(at, gamma)
    gate.backward()
    assert 0 <= gate.item() <= 1
    assert torch.isfinite(at.grad)


def test_focal_gate_by_hand():
    """At margin 0 the gate is 2^-gamma; gamma 0 is no gate and no gradient."""
    at = torch.tensor([0.0, -50.0, 50.0], requires_grad=True)
    assert focal_gate(at, 2.0).tolist() == pytest.approx([0.25, 1.0, 0.0])
    gate = focal_gate(at, 0.0)
    gate.sum().backward()
    assert gate.tolist() == [1, 1, 1]
    assert at.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("dtype", "wide"), [(torch.bfloat16, torch.float32), (torch.float16, torch.float32), (torch.float64, torch.float64)]
)
def test_half_precision_is_widened(dtype, wide):
    """Half precision becomes float32 and float64 stays, in every function."""
    values = torch.tensor([-1.0], dtype=dtype)
    assert (
        widen(values).dtype
        == log1mexp(values).dtype
        == focal_gate(values, 2.0).dtype
        == share_above(values).dtype
        == wide
    )


def test_share_above_halves_ties():
    """Above 0 counts 1, below 0, a tie half."""
    assert share_above(torch.tensor([2.0, 0.0, -3.0], requires_grad=True)).tolist() == [1, 0.5, 0]
