"""Reward distillation by hand; its optimum on full support is in `test_theorems.py`."""

from __future__ import annotations

import pytest


def test_the_loss_by_hand(make_pairs, make_method, gradients):
    """h = 3, beta = .1, dr = 1: (1 - .3)^2 = .49; the slope by z_w is -2 * .7 * .1."""
    ref = ([-5.0], [-7.0])
    assert make_method("d-dpo").loss(make_pairs([-3.0], [-8.0], dr=[1.0], ref=ref)).losses.item() == pytest.approx(0.49)
    grad_w, grad_l = gradients(make_method("d-dpo"), make_pairs([-3.0], [-8.0], dr=[1.0], ref=ref))
    assert (grad_w[0], grad_l[0]) == pytest.approx((-0.14, 0.14))


def test_needs_one_oracle_and_the_reference(make_method):
    """The plan provides the spec's own oracle and cached log-probabilities, no ensemble and no head."""
    method = make_method("d-dpo")
    assert (method.oracle_members, method.needs_logps, method.ensemble, method.needs_head) == (1, True, False, False)
