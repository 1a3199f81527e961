"""ORPO's odds by hand, in the tails, and its limits."""

from __future__ import annotations

import math

import pytest
import torch

from drdoctl.methods.orpo import log_odds


def test_the_loss_by_hand(make_pairs, make_method):
    """Mean token probabilities 1/2 and 1/5: odds 1 and 1/4, so -log(.5) - .3 log(4/5)."""
    pairs = make_pairs([2 * math.log(0.5)], [3 * math.log(0.2)], [2.0], [3.0])
    out = make_method("orpo", odds_weight=0.3).loss(pairs)
    assert out.losses.item() == pytest.approx(math.log(2) - 0.3 * math.log(0.8))
    assert out.metrics["nll"].item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("z", [-1e-3, -0.1, -0.69, -1.0, -30.0])
def test_odds_keep_their_digits(z):
    """log(p / (1 - p)) against the same in higher precision, near 1 and far from it."""
    found = log_odds(torch.tensor([z], dtype=torch.float64)).item()
    assert found == pytest.approx(z - math.log(-math.expm1(z)), rel=1e-12)


def test_without_the_odds_it_is_supervised_fine_tuning(make_pairs, make_method, gradients):
    """At weight 0 the loss and its gradient are those of `sft`."""
    data = ([-6.0], [-9.0], [4.0], [2.0])
    assert gradients(make_method("orpo", odds_weight=0.0), make_pairs(*data)) == gradients(
        make_method("sft"), make_pairs(*data)
    )


def test_the_odds_raise_the_winner_and_lower_the_loser(make_pairs, make_method, gradients):
    """Both terms push the chosen response up; the odds alone push the rejected one down."""
    grad_w, grad_l = gradients(make_method("orpo"), make_pairs([-6.0], [-9.0], [4.0], [2.0]))
    assert grad_w[0] < 0 < grad_l[0]
