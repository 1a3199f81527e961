"""DPO's closed forms and its two answers to noisy labels."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drdoctl.methods.dpo import dpo

MARGIN = st.floats(-1e4, 1e4, width=32)


@pytest.mark.parametrize("options", [{}, {"beta": 10.0}, {"label_smoothing": 0.3}])
@given(z_w=st.floats(-1e4, 0), z_l=st.floats(-1e4, 0))
def test_at_the_reference_the_loss_is_ln_2(make_pairs, make_method, options, z_w, z_l):
    """Where the policy is the reference, h is exactly 0 and the loss exactly ln 2, whatever beta and smoothing."""
    out = make_method("dpo", **options).loss(make_pairs([z_w], [z_l], ref=([z_w], [z_l])))
    assert out.losses.item() == pytest.approx(math.log(2), rel=1e-15)
    assert out.metrics["implicit_accuracy"].item() == 0.5


def test_the_loss_by_hand(make_pairs, make_method, gradients):
    """h = (-3 + 5) - (-8 + 7) = 3, beta = .5: log(1 + e^-1.5) = .2014133 and slope -.5 sigmoid(-1.5) = -.0912128."""
    method = make_method("dpo", beta=0.5)
    data = ([-3.0], [-8.0])
    assert method.loss(make_pairs(*data, ref=([-5.0], [-7.0]))).losses.item() == pytest.approx(0.20141328)
    grad_w, grad_l = gradients(method, make_pairs(*data, ref=([-5.0], [-7.0])))
    assert grad_w[0] == pytest.approx(-0.09121276)
    assert grad_l[0] == pytest.approx(0.09121276)


def test_smoothed_loss_is_least_where_the_margin_says_the_noise():
    """cDPO with e = .2 is stationary at sigmoid(beta h) = .8, that is h = ln 4 / beta."""
    h = torch.tensor([math.log(4) / 0.1], dtype=torch.float64, requires_grad=True)
    dpo(h, 0.1, 0.2).sum().backward()
    assert h.grad.item() == pytest.approx(0, abs=1e-15)


@given(h=st.floats(-100, 100), noise=st.floats(0.01, 0.45))
def test_robust_loss_is_unbiased(h, noise):
    """Averaged over labels flipped with probability e, robust DPO is DPO on the clean labels."""
    right, wrong = (torch.tensor([sign * h], dtype=torch.float64) for sign in (1, -1))
    noisy = (1 - noise) * dpo(right, 0.1, noise, robust=True) + noise * dpo(wrong, 0.1, noise, robust=True)
    assert noisy.item() == pytest.approx(dpo(right, 0.1).item(), rel=1e-9, abs=1e-9)


@given(h=MARGIN, smoothing=st.sampled_from([0.0, 0.1, 0.49]), robust=st.booleans())
def test_any_margin_is_finite(h, smoothing, robust):
    """No margin in float32 gives NaN or infinity."""
    at = torch.tensor([h], requires_grad=True)
    loss = dpo(at, 10.0, smoothing, robust=robust)
    loss.backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(at.grad).all()


def test_robust_without_noise_is_refused(make_method):
    """`robust` has nothing to correct where labels are never flipped."""
    with pytest.raises(ValidationError, match="`robust` has no effect without `label_smoothing`"):
        make_method("dpo", robust=True)


def test_on_separable_data_both_log_probabilities_fall(make_method, tabular):
    """Where a shared feature favours an unseen response, DPO lowers winner and loser while h grows without end."""
    half = tabular(make_method("dpo", beta=1.0), steps=300)
    whole = tabular(make_method("dpo", beta=1.0), steps=600)
    assert half["z_w"] < half["start"] - 1
    assert half["z_l"] < half["start"] - 1
    assert whole["h"] > half["h"] + 0.3
    assert whole["z_w"] < half["z_w"]
