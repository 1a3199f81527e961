"""The hinge: where it ends, with and without a reference."""

from __future__ import annotations

import pytest


def test_the_loss_by_hand(make_pairs, make_method, gradients):
    """beta = .1 wants 10 nats: h = 3 costs .7 at slope .1, h = 10 and more nothing, h = -5 costs 1.5."""
    data = ([-3.0, -2.0, -9.0], [-8.0, -14.0, -6.0])
    ref = ([-5.0, -5.0, -5.0], [-7.0, -7.0, -7.0])
    assert make_method("hinge").loss(make_pairs(*data, ref=ref)).losses.tolist() == pytest.approx([0.7, 0.0, 1.5])
    grad_w, grad_l = gradients(make_method("hinge"), make_pairs(*data, ref=ref))
    assert grad_w == pytest.approx([-0.1, 0, -0.1])
    assert grad_l == pytest.approx([0.1, 0, 0.1])


def test_without_a_reference_it_calibrates_likelihoods(make_pairs, make_method):
    """SLiC's margin is z_w - z_l, 5 nats of the 10 asked for, with half the likelihood of a token (-3 / 3)."""
    method = make_method("hinge", reference=False, sft_weight=0.5)
    assert method.loss(make_pairs([-3.0], [-8.0], [3.0], [2.0])).losses.item() == pytest.approx(0.5 + 0.5)
    assert (method.needs_logps, make_method("hinge").needs_logps) == (False, True)
