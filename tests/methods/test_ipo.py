"""IPO's target gap and its two conventions."""

from __future__ import annotations

import pytest


def test_the_loss_is_the_squared_distance_to_the_gap(make_pairs, make_method):
    """tau = .1 asks for a gap of 5 nats: at the reference the loss is 25, at h = 5 nothing, at h = 7 it is 4."""
    ref = ([-9.0] * 3, [-9.0] * 3)
    out = make_method("ipo").loss(make_pairs([-9.0, -6.0, -5.0], [-9.0, -11.0, -12.0], ref=ref))
    assert out.losses.tolist() == pytest.approx([25, 0, 4])


def test_mean_takes_the_gap_a_token(make_pairs, make_method):
    """With 2 and 4 tokens h of means is (-6 + 9)/2 - (-11 + 9)/4 = 2; tau = .25 asks for 2."""
    pairs = make_pairs([-6.0], [-11.0], [2.0], [4.0], ref=([-9.0], [-9.0]))
    assert make_method("ipo", tau=0.25, log_prob="mean").loss(pairs).losses.item() == pytest.approx(0)


def test_beyond_the_gap_the_margin_is_pulled_back(make_pairs, make_method, gradients):
    """Below the gap descent raises z_w and lowers z_l, above it the other way: no run to infinity."""
    for z_w, sign in ((-9.0, -1), (-1.0, 1)):
        grad_w, grad_l = gradients(make_method("ipo"), make_pairs([z_w], [-9.0], ref=([-9.0], [-9.0])))
        assert grad_w[0] * sign > 0
        assert grad_l[0] == -grad_w[0]


def test_separable_data_have_a_finite_optimum(make_method, tabular):
    """Where DPO runs to infinity, IPO stops at h = 1/(2 tau)."""
    assert tabular(make_method("ipo", tau=0.25), steps=400, rate=0.1)["h"] == pytest.approx(2, abs=1e-6)
