"""KTO by hand: each response alone, against a reference point that the batch's mismatched pairs give."""

from __future__ import annotations

import math

import pytest

from drdoctl.methods import MISMATCHED


def value(gain: float) -> float:
    """Return sigmoid of a gain over the reference point, written out."""
    return 1 / (1 + math.exp(-gain))


def test_the_loss_by_hand(make_pairs, make_method, gradients):
    """rho_w = 2, rho_l = -1, z0 = 0.5, beta = .5, weights 1 and 2: both losses and slopes as eq. 7 has them."""
    method = make_method("kto", beta=0.5, undesirable_weight=2.0)
    data = {"z_w": [-3.0], "z_l": [-8.0], "ref": ([-5.0], [-7.0]), "stats": {MISMATCHED: 0.5}}
    gain, loss = value(0.5 * (2 - 0.5)), value(0.5 * (0.5 + 1))
    out = method.loss(make_pairs(**data))
    assert out.losses.item() == pytest.approx(((1 - gain) + 2 * (1 - loss)) / 2, rel=1e-14)
    assert out.metrics["implicit_margin"].item() == pytest.approx(1.5)
    grad_w, grad_l = gradients(method, make_pairs(**data))
    assert grad_w[0] == pytest.approx(-0.5 * gain * (1 - gain) / 2, rel=1e-12)
    assert grad_l[0] == pytest.approx(2 * 0.5 * loss * (1 - loss) / 2, rel=1e-12)


@pytest.mark.parametrize(("mean", "point"), [(3.0, 3.0), (0.0, 0.0), (-3.0, 0.0)])
def test_the_reference_point_is_a_divergence(make_pairs, make_method, mean, point):
    """An estimate below 0, which no divergence can be, counts as 0; both are logged."""
    pairs = make_pairs([-5.0, -6.0], [-7.0, -9.0], ref=([-5.0, -5.0], [-7.0, -8.0]), stats={MISMATCHED: mean})
    out = make_method("kto").loss(pairs)
    assert out.metrics["reference_point"].tolist() == [point, point]
    assert out.metrics[MISMATCHED].tolist() == [mean, mean]
    expected = (1 - value(-0.1 * point) + 1 - value(0.1 * point)) / 2
    assert out.losses[0].item() == pytest.approx(expected, rel=1e-14)


def test_a_high_point_shifts_the_weight_to_the_desirable(make_pairs, make_method, gradients):
    """A policy that has drifted to answers for anything must raise winners more than it lowers losers."""
    data = {"z_w": [-5.0], "z_l": [-7.0], "ref": ([-5.0], [-7.0])}
    (raised,), (lowered,) = gradients(make_method("kto"), make_pairs(**data, stats={MISMATCHED: 0.0}))
    assert raised == -lowered == pytest.approx(-0.1 / 8)
    far = {**data, "z_w": [-4.0], "z_l": [-6.0], "stats": {MISMATCHED: 20.0}}
    (raised,), (lowered,) = gradients(make_method("kto"), make_pairs(**far))
    assert abs(raised) == pytest.approx(abs(lowered))  # both lie 19 below the point: gains and losses weigh alike
    apart = {**data, "z_w": [15.0 - 5], "z_l": [-7.0], "stats": {MISMATCHED: 20.0}}
    (raised,), (lowered,) = gradients(make_method("kto"), make_pairs(**apart))
    assert abs(raised) > 2 * abs(lowered)


def test_without_a_reference_point(make_pairs, make_method):
    """`zero` looks at no mismatched pairs: APO-zero, 1 - sigmoid(beta rho_w) and sigmoid(beta rho_l)."""
    method = make_method("kto", reference_point="zero", beta=0.3)
    out = method.loss(make_pairs([-3.0], [-8.0], ref=([-5.0], [-7.0])))
    assert out.losses.item() == pytest.approx((1 - value(0.6) + value(-0.3)) / 2, rel=1e-14)
    assert (method.needs_mismatched, make_method("kto").needs_mismatched) == (False, True)


def test_a_batch_without_mismatched_pairs_is_refused(make_pairs, make_method):
    """A reference point that nobody estimated is an error, not a silent 0."""
    with pytest.raises(ValueError, match="mismatched"):
        make_method("kto").loss(make_pairs([-3.0], [-8.0], ref=([-5.0], [-7.0])))


def test_needs_no_oracle(make_method):
    """The plan provides the reference's log-probabilities and nothing else."""
    method = make_method("kto")
    assert (method.needs_logps, method.oracle_members, method.batch_stats) == (True, 0, False)
