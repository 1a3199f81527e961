"""The squared distance, which is d-DPO with a scale."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

LOGP = st.floats(-1e4, 0, width=32)


def test_the_loss_by_hand(make_pairs, make_method):
    """h = 3, beta = .5, eta dr = 2: (2 - 1.5)^2."""
    pairs = make_pairs([-3.0], [-8.0], dr=[1.0], ref=([-5.0], [-7.0]))
    assert make_method("rpo-sq", beta=0.5, eta=2.0).loss(pairs).losses.item() == pytest.approx(0.25)


@given(z_w=LOGP, z_l=LOGP, dr=st.floats(-1e3, 1e3, width=32))
def test_at_scale_one_it_is_d_dpo(make_pairs, make_method, z_w, z_l, dr):
    """Loss and metrics are d-DPO's, and finite in float32."""
    pairs = make_pairs([z_w], [z_l], dr=[dr], ref=([-5.0], [-7.0]), dtype=torch.float32)
    one, other = make_method("rpo-sq").loss(pairs), make_method("d-dpo").loss(pairs)
    assert one.losses.item() == other.losses.item()
    assert {name: value.item() for name, value in one.metrics.items()} == {
        name: value.item() for name, value in other.metrics.items()
    }
    assert torch.isfinite(one.losses).all()
