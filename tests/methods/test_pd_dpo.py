"""Pessimistic distillation: d-DPO and a divergence."""

from __future__ import annotations

import pytest


def test_the_loss_by_hand(make_pairs, make_method):
    """(1 - .3)^2 = .49 and half a nat of divergence: zref - z is -2 for the winner and 1 for the loser."""
    method = make_method("pd-dpo", gamma=0.2, gamma_start=None)
    out = method.loss(make_pairs([-3.0], [-8.0], dr=[1.0], ref=([-5.0], [-7.0])))
    assert out.metrics["forward_kl"].item() == -0.5
    assert out.losses.item() == pytest.approx(0.49 - 0.1)


def test_without_pessimism_it_is_d_dpo(make_pairs, make_method, gradients):
    """At gamma = 0 loss and gradient are d-DPO's; it needs the oracle and the reference."""
    data = {"z_w": [-3.0], "z_l": [-8.0], "dr": [1.0], "ref": ([-5.0], [-7.0])}
    one, other = make_method("pd-dpo", gamma=0.0, gamma_start=None), make_method("d-dpo")
    assert one.loss(make_pairs(**data)).losses.item() == other.loss(make_pairs(**data)).losses.item()
    assert gradients(one, make_pairs(**data)) == gradients(other, make_pairs(**data))
    assert (one.oracle_members, one.needs_logps) == (1, True)


def test_the_divergence_holds_a_greedy_oracle_back(make_method, tabular):
    """With a margin that only an emptied support can reach, the winner stays nearer to the reference."""
    free = tabular(make_method("d-dpo", beta=1.0), steps=600, dr=(4.0,), rate=0.05)
    held = tabular(make_method("pd-dpo", beta=1.0, gamma=2.0, gamma_start=None), steps=600, dr=(4.0,), rate=0.05)
    assert held["z_w"] > free["z_w"] + 0.5
