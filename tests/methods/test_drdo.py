"""Equation 6 by hand, its gradients (eq. 30-33), its limits, and its numerics."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

LOGP = st.floats(-1e4, 0, width=32)
SHORT = st.floats(-20, -1e-3)


def test_the_loss_by_hand(make_pairs, make_method):
    """z = (-1, -2), dr = 1: (1 - .1)^2 + .1 (1 - sigmoid 1)^2 (1 - log(1 - e^-2)) = .81 + .1 * .0723295 * 1.1454135."""
    out = make_method("drdo", reference=False).loss(make_pairs([-1.0], [-2.0], dr=[1.0]))
    assert out.losses.item() == pytest.approx(0.81 + 0.1 * 0.07232949 * 1.14541346, rel=1e-7)
    assert out.metrics["gate"].item() == pytest.approx(0.07232949, rel=1e-6)
    assert out.metrics["p_w"].item() == pytest.approx(0.73105858, rel=1e-7)
    assert out.metrics["unlikelihood"].item() == pytest.approx(-0.14541346, rel=1e-6)
    assert out.metrics["distillation"].item() == pytest.approx(0.81)


def test_the_letter_of_equation_6_by_hand(make_pairs, make_method):
    """`unlikelihood: printed` subtracts log(1 - pi_l): .81 + .1 * .0723295 * (1 - .1454135)."""
    out = make_method("drdo", reference=False, unlikelihood="printed").loss(make_pairs([-1.0], [-2.0], dr=[1.0]))
    assert out.losses.item() == pytest.approx(0.81 + 0.1 * 0.07232949 * 0.85458654, rel=1e-7)


@given(z_w=SHORT, z_l=SHORT, alpha=st.floats(0.01, 10), gamma=st.floats(0, 5), printed=st.booleans())
def test_gradients_are_equations_30_to_33(make_pairs, make_method, gradients, z_w, z_l, alpha, gamma, printed):
    """Autograd gives a g G p (dz_w - dz_l) S - a G (dz_w + s o_l dz_l): G the gate, o_l the odds, s the term's sign."""
    options = {"distillation": False, "alpha": alpha, "gamma": gamma, "unlikelihood": "printed" if printed else "lower"}
    grad_w, grad_l = gradients(make_method("drdo", **options), make_pairs([z_w], [z_l]))
    p = 1 / (1 + math.exp(z_l - z_w))
    gate = (1 / (1 + math.exp(z_w - z_l))) ** gamma
    sign = 1 if printed else -1
    odds = math.exp(z_l) / -math.expm1(z_l)
    inner = z_w - sign * math.log(-math.expm1(z_l))
    through_gate = alpha * gamma * gate * p * inner  # eq. 32
    assert grad_w[0] == pytest.approx(through_gate - alpha * gate, rel=1e-9, abs=1e-12)  # eq. 32 + 33
    assert grad_l[0] == pytest.approx(-through_gate - alpha * gate * sign * odds, rel=1e-9, abs=1e-12)


def test_detached_gate_keeps_equation_33_alone(make_pairs, make_method, gradients):
    """With `detach_gate` the gradient is -a G by z_w, a G o_l by z_l: at z = (-1, -2), G = .0723295, o_l = .1565176."""
    method = make_method("drdo", distillation=False, detach_gate=True)
    grad_w, grad_l = gradients(method, make_pairs([-1.0], [-2.0]))
    assert grad_w[0] == pytest.approx(-0.1 * 0.07232949, rel=1e-7)
    assert grad_l[0] == pytest.approx(0.1 * 0.07232949 * 0.15651764, rel=1e-7)


@given(z_w=SHORT, z_l=SHORT, gamma=st.floats(0, 5), detach=st.booleans(), mean=st.booleans())
def test_the_contrast_raises_the_winner_and_lowers_the_loser(
    make_pairs, make_method, gradients, z_w, z_l, gamma, detach, mean
):
    """For any pair, gate and kind of log-probability, descent moves z_w up and z_l down (or leaves it, where flat)."""
    options = {"gamma": gamma, "log_prob": "mean" if mean else "sum"} | ({"detach_gate": detach} if gamma else {})
    method = make_method("drdo", distillation=False, **options)
    grad_w, grad_l = gradients(method, make_pairs([z_w], [z_l], [3.0], [5.0]))
    assert grad_w[0] < 0
    assert grad_l[0] >= 0


def test_the_printed_fraction_raises_the_loser(make_pairs, make_method, gradients):
    """By the letter of eq. 6 without a gate, descent moves z_l up: the reason why it is not the default."""
    _, grad_l = gradients(
        make_method("drdo", distillation=False, gamma=0, unlikelihood="printed"), make_pairs([-1.0], [-1.0])
    )
    assert grad_l[0] < 0


def test_gamma_0_with_sums_is_sft_on_the_chosen(make_pairs, make_method, gradients):
    """Where sequences are long, log(1 - pi_l) is 0 in float32: the gradient is alpha times that of summed SFT."""
    z = ([-60.0, -170.0, -45.0], [-50.0, -300.0, -80.0])
    contrast = gradients(make_method("drdo", distillation=False, gamma=0), make_pairs(*z, dtype=torch.float32))
    sft = gradients(make_method("sft", log_prob="sum"), make_pairs(*z, dtype=torch.float32))
    assert contrast[0] == pytest.approx([0.1 * value for value in sft[0]], rel=1e-6)
    assert contrast[1] == pytest.approx([0, 0, 0], abs=1e-15)


def test_alpha_0_is_pure_distillation(make_pairs, make_method, gradients):
    """With alpha 0 loss and gradient are those of `contrast: false`."""
    data = ([-3.0, -9.0], [-4.0, -2.0])
    zero, off = make_method("drdo", reference=False, alpha=0), make_method("drdo", reference=False, contrast=False)
    assert zero.loss(make_pairs(*data, dr=[1.0, -2.0])).losses.tolist() == pytest.approx([0.81, 1.69])
    assert gradients(zero, make_pairs(*data, dr=[1.0, -2.0])) == gradients(off, make_pairs(*data, dr=[1.0, -2.0]))


def test_no_margin_still_trains(make_pairs, make_method, gradients):
    """With dr = 0 everywhere and equal log-probabilities the distillation rests and the contrast goes on."""
    grad_w, grad_l = gradients(make_method("drdo", reference=False), make_pairs([-2.0], [-2.0], dr=[0.0]))
    assert grad_w[0] < 0 < grad_l[0]


def test_head_is_distilled_and_the_log_probabilities_are_not(make_pairs, make_method):
    """With `reward: head` the first term's gradient goes to the head's rewards alone: -+2 (dr - dr_hat)."""
    pairs = make_pairs([-3.0], [-4.0], dr=[1.0], head=([0.5], [0.25]))
    method = make_method("drdo", reward="head", contrast=False)
    method.loss(pairs).losses.sum().backward()
    assert pairs.chosen_reward.grad.item() == pytest.approx(-1.5)
    assert pairs.rejected_reward.grad.item() == pytest.approx(1.5)
    assert pairs.chosen_logp.grad.item() == 0


def test_reference_is_subtracted(make_pairs, make_method):
    """With `reference: true` the policy that is the reference has no implicit margin, so the first term is dr^2."""
    method = make_method("drdo", reference=True, contrast=False)
    assert method.needs_logps
    assert method.loss(make_pairs([-3.0], [-9.0], dr=[2.0], ref=([-3.0], [-9.0]))).losses.item() == 4


def test_with_reference_and_no_contrast_it_is_d_dpo(make_pairs, make_method, gradients):
    """The implicit reading with the reference subtracted, alone, is d-DPO's loss and gradient."""
    data = {"z_w": [-3.0, -9.0], "z_l": [-8.0, -2.0], "dr": [1.0, -2.0], "ref": ([-4.0, -6.0], [-7.0, -1.0])}
    ours, theirs = make_method("drdo", reference=True, contrast=False), make_method("d-dpo")
    assert ours.loss(make_pairs(**data)).losses.tolist() == theirs.loss(make_pairs(**data)).losses.tolist()
    assert gradients(ours, make_pairs(**data)) == gradients(theirs, make_pairs(**data))


def test_mean_divides_the_contrast_and_not_the_reward(make_pairs, make_method):
    """`log_prob: mean` is about the second term: 4 and 8 tokens turn z = (-4, -16) into (-1, -2); r_hat keeps sums."""
    out = make_method("drdo", reference=False, log_prob="mean").loss(
        make_pairs([-4.0], [-16.0], [4.0], [8.0], dr=[1.0])
    )
    assert out.metrics["gate"].item() == pytest.approx(0.07232949, rel=1e-6)
    assert out.metrics["distillation"].item() == pytest.approx((1 - 0.1 * 12) ** 2)


def test_reward_scale_divides_by_the_training_split(make_pairs, make_method):
    """`std` divides dr by the stored standard deviation; a margin that never varies is left as it is."""
    method = make_method("drdo", reference=False, contrast=False, reward_scale="std")
    for std, dr in ((4.0, 0.5), (0.0, 2.0)):
        pairs = make_pairs([-1.0], [-1.0], dr=[2.0], margin_std=torch.tensor([std]))
        assert method.loss(pairs).losses.item() == pytest.approx(dr**2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"log_prob": "mean"},
        {"gamma": 0.5, "unlikelihood": "printed"},
        {"reward": "head", "detach_gate": True},
        {"gamma": 0},
    ],
)
@given(z_w=LOGP, z_l=LOGP, dr=st.floats(-1e4, 1e4, width=32))
def test_everything_stays_finite(make_pairs, make_method, options, dtype, z_w, z_l, dr):
    """No log-probability in [-1e4, 0] and no margin gives NaN or infinity in loss, gradient or metric; all float32."""
    pairs = make_pairs([z_w], [z_l], [7.0], [3.0], dr=[dr], head=([dr], [-dr]), ref=([0.0], [0.0]), dtype=dtype)
    out = make_method("drdo", **options).loss(pairs)
    out.losses.sum().backward()
    assert out.losses.dtype == torch.float32
    assert torch.isfinite(out.losses).all()
    assert torch.isfinite(pairs.chosen_logp.grad).all()
    assert torch.isfinite(pairs.rejected_logp.grad).all()
    assert all(torch.isfinite(values).all() for values in out.metrics.values())


def test_metrics_are_detached_and_one_for_each_pair(make_pairs, make_method):
    """Every metric has shape (N,) and no gradient, so that the engine can average it over any packing."""
    out = make_method("drdo", reference=False).loss(
        make_pairs([-1.0, -2.0], [-2.0, -3.0], [3.0, 4.0], [5.0, 2.0], dr=[1.0, -1.0])
    )
    assert {name: tuple(values.shape) for name, values in out.metrics.items() if values.shape != (2,)} == {}
    assert not any(values.requires_grad for values in out.metrics.values())
    assert out.metrics["length_diff"].tolist() == [-2, 2]
    assert out.metrics["r_hat_oracle_agreement"].tolist() == [1, 0]
    assert out.metrics["implicit_accuracy"].tolist() == [1, 1]


def test_the_loss_of_a_pair_does_not_depend_on_its_company(make_pairs, make_method):
    """A pair's loss alone is its loss in a batch: nothing is normalised over the batch."""
    z_w, z_l, dr = [-1.0, -7.0, -30.0], [-2.0, -3.0, -31.0], [1.0, 5.0, -2.0]
    together = make_method("drdo", reference=False).loss(make_pairs(z_w, z_l, dr=dr)).losses.tolist()
    alone = [
        make_method("drdo", reference=False).loss(make_pairs([win], [lose], dr=[gap])).losses.item()
        for win, lose, gap in zip(z_w, z_l, dr, strict=True)
    ]
    assert together == pytest.approx(alone, rel=1e-14)  # vector and scalar code may differ in the last bit


@pytest.mark.parametrize(
    ("options", "needs"),
    [
        ({}, (True, 1, False, False)),
        ({"reference": False}, (False, 1, False, False)),
        ({"reward": "head"}, (False, 1, True, False)),
        ({"reward": "head", "detach_trunk": True}, (False, 1, True, True)),
        ({"distillation": False}, (False, 0, False, False)),
    ],
)
def test_what_is_needed(make_method, options, needs):
    """What the plan must provide follows from the options: reference, oracle, head, detached trunk."""
    method = make_method("drdo", **options)
    assert (method.needs_logps, method.oracle_members, method.needs_head, method.detaches_trunk) == needs


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"reward": "head", "beta": 0.1}, "`beta` has no effect with `reward: head`"),
        ({"reward": "head", "reference": True}, "`reference` has no effect with `reward: head`"),
        ({"detach_trunk": True}, "`detach_trunk` has no effect with `reward: implicit`"),
        ({"contrast": False, "gamma": 1, "alpha": 1}, "`alpha` has no effect with `contrast: false`; `gamma`"),
        ({"distillation": False, "reward_scale": "std"}, "`reward_scale` has no effect with `distillation: false`"),
        ({"gamma": 0, "detach_gate": True}, "`detach_gate` has no effect with `gamma: 0`"),
        ({"distillation": False, "contrast": False}, "nothing is left to train on"),
    ],
)
def test_options_without_effect_are_refused(make_method, options, named):
    """An option that changes nothing in its combination is an error that names it, even at its default value."""
    with pytest.raises(ValidationError, match=named):
        make_method("drdo", **options)


@pytest.mark.parametrize(
    "options", [{}, {"reward": "head"}, {"contrast": False}, {"distillation": False}, {"gamma": 0}]
)
def test_a_dump_can_be_read_again(make_method, options):
    """What the plan writes down for the child process is the same method when read, idle options left out."""
    method = make_method("drdo", **options)
    assert make_method(**method.model_dump()) == method
    assert not method.idle().keys() & method.model_dump().keys()


@pytest.mark.parametrize("options", [{}, {"reward": "head", "contrast": False}, {"reference": True}])
def test_missing_numbers_are_named(make_pairs, make_method, options):
    """A loss whose inputs are not there says which, in place of computing something else."""
    with pytest.raises(ValueError, match="needs"):
        make_method("drdo", **options).loss(make_pairs([-1.0], [-2.0]))
