"""The oracle's loss (eq. 2 and 5) and plain imitation, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.train.losses import bradley_terry, length_metrics, nll, oracle_loss

REWARD = st.floats(-1e4, 1e4, width=32)


def column(*values, dtype=torch.float64):
    """Return the values as a column that carries gradient."""
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def test_equation_5_by_hand():
    """r = (2, .5), z_w = -6 over 3 tokens, a = .25: .75 log(1 + e^-1.5) + .25 * 2 = .75 * .2014133 + .5."""
    out = oracle_loss(column(2.0), column(0.5), column(-6.0), column(3.0), 0.25)
    assert out.losses.item() == pytest.approx(0.75 * 0.20141328 + 0.5)
    assert out.metrics["accuracy"].item() == 1
    assert out.metrics["nll"].item() == 2


def test_without_sft_weight_it_is_equation_2():
    """With a = 0 the log-probabilities are not even asked for; equal rewards cost ln 2 and count half as right."""
    out = oracle_loss(column(1.0), column(1.0), None, column(3.0), 0.0)
    assert out.losses.item() == pytest.approx(math.log(2), rel=1e-15)
    assert out.metrics["accuracy"].item() == 0.5


def test_sft_weight_without_log_probabilities_is_refused():
    """A regulariser with nothing to regularise is an error, not a silent 0."""
    with pytest.raises(ValueError, match="sft_weight"):
        oracle_loss(column(1.0), column(1.0), None, column(3.0), 0.01)


def test_rewards_and_lengths_are_logged_with_their_squares():
    """The mean reward is over both responses; a winner of 2 tokens against 5 is the shorter one, 3 tokens apart."""
    out = oracle_loss(column(2.0), column(-1.0), None, column(2.0), 0.0).metrics
    assert (out["margin_sq"].item(), out["reward"].item(), out["reward_sq"].item()) == (9.0, 0.5, 2.5)
    lengths = length_metrics(out["margin"], column(2.0), column(5.0))
    assert {name: value.item() for name, value in lengths.items()} == {
        "chosen_tokens": 2.0,
        "rejected_tokens": 5.0,
        "length_accuracy": 0.0,
        "length_diff": -3.0,
        "length_diff_sq": 9.0,
        "margin_x_length_diff": -9.0,
    }


def test_gradients_raise_the_winner_and_its_likelihood():
    """Descent raises r_w and z_w and lowers r_l: slopes -(1-a) sigmoid(r_l - r_w), its opposite, and -a/n."""
    winner, loser, logp = column(0.0), column(0.0), column(-6.0)
    oracle_loss(winner, loser, logp, column(3.0), 0.1).losses.sum().backward()
    assert winner.grad.item() == pytest.approx(-0.45)
    assert loser.grad.item() == pytest.approx(0.45)
    assert logp.grad.item() == pytest.approx(-0.1 / 3)


def test_the_regulariser_does_not_grow_with_length():
    """Twice the tokens at the same log-probability a token cost the same."""
    assert nll(column(-6.0), column(3.0)).losses.item() == nll(column(-12.0), column(6.0)).losses.item() == 2


@given(winner=REWARD, loser=REWARD)
def test_any_reward_is_finite(winner, loser):
    """No reward, in half precision or not, gives NaN or infinity, in value or gradient; the loss is in float32."""
    for dtype in (torch.float32, torch.bfloat16):
        chosen = column(winner, dtype=dtype)
        loss = bradley_terry(chosen, column(loser, dtype=dtype))
        loss.sum().backward()
        assert loss.dtype == torch.float32
        assert torch.isfinite(loss).all()
        assert torch.isfinite(chosen.grad).all()
