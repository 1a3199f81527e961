"""CPO: DPO against a uniform reference, and a likelihood beside it."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError


@pytest.mark.parametrize(("log_prob", "likelihood"), [("sum", 6.0), ("mean", 1.5)])
def test_the_loss_by_hand(make_pairs, make_method, log_prob, likelihood):
    """z = -6 and -9, beta = .5: log(1 + e^-1.5) + 2 NLL, of the response or of its 4 tokens."""
    method = make_method("cpo", beta=0.5, sft_weight=2.0, log_prob=log_prob)
    out = method.loss(make_pairs([-6.0], [-9.0], [4.0], [2.0]))
    assert out.losses.item() == pytest.approx(math.log1p(math.exp(-1.5)) + 2 * likelihood)
    assert not method.needs_logps


def test_against_a_uniform_reference_it_is_dpo(make_pairs, make_method, gradients):
    """Without the likelihood, loss and gradient are DPO's where the reference finds both responses alike."""
    data = ([-6.0, -3.0], [-9.0, -4.0])
    one, other = make_method("cpo", sft_weight=0.0), make_method("dpo")
    ref = ([-7.0, -7.0], [-7.0, -7.0])
    assert one.loss(make_pairs(*data)).losses.tolist() == other.loss(make_pairs(*data, ref=ref)).losses.tolist()
    assert gradients(one, make_pairs(*data)) == gradients(other, make_pairs(*data, ref=ref))


def test_a_form_of_a_likelihood_that_is_not_there_is_refused(make_method):
    """`log_prob` has nothing to say where the likelihood has no weight."""
    with pytest.raises(ValidationError, match="`log_prob` has no effect with `sft_weight: 0`"):
        make_method("cpo", sft_weight=0.0, log_prob="sum")
