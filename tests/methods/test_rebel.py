"""REBEL's regression, and that its offline step is d-DPO by another road."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

LOGP = st.floats(-1e4, 0, width=32)


def test_the_loss_by_hand(make_pairs, make_method):
    """h = 3, eta = 2, dr = 1: (1.5 - 1)^2."""
    pairs = make_pairs([-3.0], [-8.0], dr=[1.0], ref=([-5.0], [-7.0]))
    assert make_method("rebel", eta=2.0).loss(pairs).losses.item() == pytest.approx(0.25)


@given(z_w=LOGP, z_l=LOGP, dr=st.floats(-1e3, 1e3, width=32))
def test_it_is_d_dpo_with_the_inverse_step(make_pairs, make_method, gradients, z_w, z_l, dr):
    """Loss and gradient are d-DPO's with beta = 1/eta, and finite in float32."""

    def pairs():
        return make_pairs([z_w], [z_l], dr=[dr], ref=([-5.0], [-7.0]), dtype=torch.float32)

    one, other = make_method("rebel", eta=4.0), make_method("d-dpo", beta=0.25)
    assert one.loss(pairs()).losses.item() == other.loss(pairs()).losses.item()
    assert gradients(one, pairs()) == gradients(other, pairs())
    assert torch.isfinite(one.loss(pairs()).losses).all()
