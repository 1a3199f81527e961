"""The forward divergence: the student's coin from the oracle's."""

from __future__ import annotations

import pytest


def test_the_loss_by_hand(make_pairs, make_method, coins):
    """h = 3, beta = .5 and eta dr = 2: the student's coin sigmoid(1.5) from the oracle's sigmoid(2)."""
    pairs = make_pairs([-3.0], [-8.0], dr=[1.0], ref=([-5.0], [-7.0]))
    loss = make_method("rpo-fwd-kl", beta=0.5, eta=2.0).loss(pairs).losses.item()
    assert loss == pytest.approx(coins(1.5, 2), rel=1e-12)


def test_it_is_not_the_backward_divergence(make_pairs, make_method, coins):
    """A student that cannot tell two responses is measured by the oracle's coin, not the oracle by its coin."""
    data = {"z_w": [-3.0], "z_l": [-3.0], "ref": ([-5.0], [-5.0]), "dr": [0.5]}
    forward = make_method("rpo-fwd-kl").loss(make_pairs(**data)).losses.item()
    assert forward == pytest.approx(coins(0, 0.5))
    assert forward != make_method("rpo-bwd-kl").loss(make_pairs(**data)).losses.item()


def test_it_rests_where_the_margins_agree(make_pairs, make_method, gradients):
    """At beta h = eta dr the loss and the gradient are 0."""
    method = make_method("rpo-fwd-kl", beta=0.5, eta=1.5)
    pairs = make_pairs([-3.0], [-8.0], dr=[1.0], ref=([-5.0], [-7.0]))
    assert method.loss(pairs).losses.item() == pytest.approx(0, abs=1e-16)
    assert gradients(method, pairs)[0][0] == pytest.approx(0, abs=1e-16)
