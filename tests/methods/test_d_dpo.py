"""Reward distillation: closed forms and the optimum on full support."""

from __future__ import annotations

import itertools

import pytest
import torch


def test_the_loss_by_hand(make_pairs, make_method, gradients):
    """h = 3, beta = .1, dr = 1: (1 - .3)^2 = .49; the slope by z_w is -2 * .7 * .1."""
    ref = ([-5.0], [-7.0])
    assert make_method("d-dpo").loss(make_pairs([-3.0], [-8.0], dr=[1.0], ref=ref)).losses.item() == pytest.approx(0.49)
    grad_w, grad_l = gradients(make_method("d-dpo"), make_pairs([-3.0], [-8.0], dr=[1.0], ref=ref))
    assert (grad_w[0], grad_l[0]) == pytest.approx((-0.14, 0.14))


def test_the_optimum_on_full_support_is_the_rlhf_policy(make_pairs, make_method):
    """With all pairs and exact rewards the minimum is ref(y) exp(r(y)/beta) / Z, whatever the labels say."""
    reward = torch.tensor([0.3, -0.2, 0.5, 0.0, -0.4], dtype=torch.float64)
    reference = torch.log_softmax(torch.tensor([1.0, 0.0, -1.0, 0.5, 2.0], dtype=torch.float64), dim=0)
    one, other = zip(*itertools.combinations(range(5), 2), strict=True)
    one, other = list(one), list(other)
    logits = reference.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [logits], max_iter=200, tolerance_grad=1e-14, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )
    method = make_method("d-dpo", beta=0.5)
    base = make_pairs(
        reference[one].tolist(),
        reference[other].tolist(),
        dr=(reward[one] - reward[other]).tolist(),
        ref=(reference[one].tolist(), reference[other].tolist()),
    )

    def closure():
        optimiser.zero_grad()
        logp = torch.log_softmax(logits, dim=0)
        pairs = type(base)(**{**base.__dict__, "chosen_logp": logp[one], "rejected_logp": logp[other]})
        loss = method.loss(pairs).losses.mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    found = torch.softmax(logits.detach(), dim=0)
    assert found.tolist() == pytest.approx(torch.softmax(reference + reward / 0.5, dim=0).tolist(), abs=1e-7)


def test_needs_one_oracle_and_the_reference(make_method):
    """The plan provides the spec's own oracle and cached log-probabilities, no ensemble and no head."""
    method = make_method("d-dpo")
    assert (method.oracle_members, method.needs_logps, method.ensemble, method.needs_head) == (1, True, False, False)
