"""SimPO by hand, its limits and what it leaves out."""

from __future__ import annotations

import math

import pytest


def test_the_loss_by_hand(make_pairs, make_method, gradients):
    """zbar = -2 and -3, beta = 2, gamma = .5: log(1 + e^-1.5); the slope by z_w is divided by its tokens."""
    method = make_method("simpo", beta=2.0, gamma=0.5)
    data = ([-8.0], [-6.0], [4.0], [2.0])
    assert method.loss(make_pairs(*data)).losses.item() == pytest.approx(0.20141328)
    grad_w, grad_l = gradients(method, make_pairs(*data))
    slope = 2 / (1 + math.exp(1.5))
    assert (grad_w[0], grad_l[0]) == pytest.approx((-slope / 4, slope / 2))


def test_length_earns_nothing(make_pairs, make_method):
    """The same tokens twice over are worth the same, and a pair needs no reference and no oracle."""
    method = make_method("simpo")
    short = method.loss(make_pairs([-8.0], [-6.0], [4.0], [2.0])).losses
    long = method.loss(make_pairs([-16.0], [-6.0], [8.0], [2.0])).losses
    assert short.item() == long.item()
    assert (method.needs_logps, method.oracle_members) == (False, 0)
