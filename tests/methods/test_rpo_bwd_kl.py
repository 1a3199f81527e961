"""The backward divergence: the oracle's preference is the label."""

from __future__ import annotations

import pytest


def test_the_loss_by_hand(make_pairs, make_method, coins):
    """h = 3, beta = .5 and eta dr = 2: the oracle's coin sigmoid(2) from the student's sigmoid(1.5)."""
    pairs = make_pairs([-3.0], [-8.0], dr=[1.0], ref=([-5.0], [-7.0]))
    loss = make_method("rpo-bwd-kl", beta=0.5, eta=2.0).loss(pairs).losses.item()
    assert loss == pytest.approx(coins(2, 1.5), rel=1e-12)


def test_a_certain_oracle_makes_it_dpo(make_pairs, make_method, gradients):
    """As dr grows without end the loss and its gradient become DPO's."""
    data = {"z_w": [-3.0], "z_l": [-8.0], "ref": ([-5.0], [-7.0])}
    one, other = make_method("rpo-bwd-kl"), make_method("dpo")
    assert one.loss(make_pairs(**data, dr=[1e3])).losses.item() == other.loss(make_pairs(**data)).losses.item()
    assert gradients(one, make_pairs(**data, dr=[1e3])) == gradients(other, make_pairs(**data))


def test_it_rests_where_the_margins_agree(make_pairs, make_method, gradients):
    """At beta h = eta dr the loss and the gradient are 0."""
    method = make_method("rpo-bwd-kl", beta=0.5, eta=1.5)
    pairs = make_pairs([-3.0], [-8.0], dr=[1.0], ref=([-5.0], [-7.0]))
    assert method.loss(pairs).losses.item() == pytest.approx(0, abs=1e-16)
    assert gradients(method, pairs)[0][0] == pytest.approx(0, abs=1e-16)
