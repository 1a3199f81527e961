"""Pessimistic DPO: the divergence's weight over training, and what it stops."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError


def test_the_loss_by_hand(make_pairs, make_method):
    """At the reference it is ln 2; one nat below it on both sides costs gamma more, and nothing of the margin."""
    method = make_method("p-dpo", gamma=0.5, gamma_start=None)
    out = method.loss(make_pairs([-5.0, -6.0], [-7.0, -8.0], ref=([-5.0, -5.0], [-7.0, -7.0])))
    assert out.losses.tolist() == pytest.approx([math.log(2), math.log(2) + 0.5])
    assert out.metrics["forward_kl"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "weights"),
    [({}, [1e-4, 5.05e-3]), ({"gamma_start": None}, [1e-2, 1e-2]), ({"gamma": 0.0}, [1e-4, 5e-5])],
)
def test_the_weight_grows_with_the_training(make_pairs, make_method, options, weights):
    """From `gamma_start` to `gamma` linearly, half-way at half of the steps; constant where there is no start."""
    for progress, weight in zip((0.0, 0.5), weights, strict=True):
        pairs = make_pairs([-5.0], [-7.0], ref=([-5.0], [-7.0]), stats={"progress": progress})
        assert make_method("p-dpo", **options).loss(pairs).metrics["gamma"].item() == pytest.approx(weight)


def test_pessimism_keeps_the_data_in_the_support(make_method, tabular):
    """Where DPO empties the logged responses on separable data, the divergence bounds how far they fall."""
    dpo = tabular(make_method("dpo", beta=1.0), steps=600)
    held = tabular(make_method("p-dpo", beta=1.0, gamma=0.1, gamma_start=None), steps=600)
    assert dpo["z_w"] < dpo["start"] - 2
    assert held["z_w"] > held["start"] - 1.5
    assert held["h"] > 0


def test_it_keeps_what_dpo_offers(make_pairs, make_method):
    """Smoothing is DPO's own: without pessimism the losses are equal."""
    pairs = make_pairs([-5.0], [-9.0], ref=([-6.0], [-7.0]))
    one = make_method("p-dpo", gamma=0.0, gamma_start=None, label_smoothing=0.1).loss(pairs)
    assert one.losses.item() == make_method("dpo", label_smoothing=0.1).loss(pairs).losses.item()


def test_the_divergence_on_the_references_own_responses(make_pairs, make_method):
    """With `kl_samples` it is the mean of zref - z over them, and the logged responses are only DPO's."""
    method = make_method("p-dpo", gamma=0.5, gamma_start=None, kl_samples=2)
    drawn = {"sample_logp": torch.tensor([[-4.0, -7.0]]), "ref_sample_logp": torch.tensor([[-3.0, -5.0]])}
    out = method.loss(make_pairs([-9.0], [-11.0], ref=([-5.0], [-7.0]), **drawn))
    assert out.losses.item() == pytest.approx(math.log(2) + 0.5 * 1.5)
    with pytest.raises(ValueError, match="responses of the reference"):
        method.loss(make_pairs([-9.0], [-11.0], ref=([-5.0], [-7.0])))


def test_samples_left_out_leave_no_trace(make_method):
    """An option that came later is in no dump at its default, so that artifacts keep their names; else it is."""
    for name in ("p-dpo", "pd-dpo", "e-dpo"):
        assert "kl_samples" not in make_method(name).model_dump()
        assert make_method(name, kl_samples=0, gamma=0.1).model_dump() == make_method(name, gamma=0.1).model_dump()
        asked = make_method(name, kl_samples=3, gamma=0.1)
        assert (asked.model_dump()["kl_samples"], asked.reference_samples) == (3, 3)


@pytest.mark.parametrize(("name", "options"), [("p-dpo", {"gamma": 0.0, "gamma_start": None}), ("e-dpo", {})])
def test_samples_of_a_divergence_that_does_not_count_are_refused(make_method, name, options):
    """Where gamma is 0 nothing is estimated, so nothing is sampled."""
    with pytest.raises(ValidationError, match="`kl_samples` has no effect with"):
        make_method(name, kl_samples=1, **options)
