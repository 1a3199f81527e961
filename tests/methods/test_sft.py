"""Imitation of the chosen response."""

from __future__ import annotations

import pytest


def test_the_loss_is_the_negative_log_likelihood(make_pairs, make_method):
    """z_w = -6 over 3 tokens costs 2 nats a token, or 6 a response."""
    pairs = make_pairs([-6.0], [-1.0], [3.0], [1.0])
    assert make_method("sft").loss(pairs).losses.item() == 2
    assert make_method("sft", log_prob="sum").loss(pairs).losses.item() == 6


def test_the_rejected_response_is_not_looked_at(make_pairs, make_method, gradients):
    """The gradient by z_w is -1/n, by z_l nothing."""
    method = make_method("sft")
    grad_w, grad_l = gradients(method, make_pairs([-6.0], [-1.0], [3.0], [1.0]))
    assert grad_w[0] == pytest.approx(-1 / 3)
    assert grad_l[0] == 0
