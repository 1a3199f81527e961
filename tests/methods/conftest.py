"""Builders shared by the tests of the losses."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from drdoctl.methods import PairNumbers, methods


def _column(values, dtype):
    return torch.as_tensor(values, dtype=dtype) if values is not None else None


@pytest.fixture(scope="session")
def make_pairs():
    """Return a builder of `PairNumbers` from plain numbers; log-probabilities and rewards carry gradient."""

    def build(z_w, z_l, n_w=None, n_l=None, dr=None, ref=None, head=None, dtype=torch.float64, **others):
        live = {"chosen_logp": z_w, "rejected_logp": z_l}
        if head is not None:
            live |= {"chosen_reward": head[0], "rejected_reward": head[1]}
        leaves = {name: _column(values, dtype).clone().requires_grad_() for name, values in live.items()}
        count = len(leaves["chosen_logp"])
        margins = _column(dr, dtype)
        return PairNumbers(
            **leaves,
            chosen_tokens=_column(n_w if n_w is not None else [1.0] * count, dtype),
            rejected_tokens=_column(n_l if n_l is not None else [1.0] * count, dtype),
            oracle_margin=margins if margins is None or margins.ndim == 2 else margins[:, None],
            ref_chosen_logp=_column(ref[0], dtype) if ref else None,
            ref_rejected_logp=_column(ref[1], dtype) if ref else None,
            **others,
        )

    return build


@pytest.fixture(scope="session")
def make_method():
    """Return a builder of methods by name and options, as a spec would."""

    def build(name, **options):
        return methods()[name].model_validate({"name": name, **options})

    return build


@pytest.fixture(scope="session")
def gradients():
    """Return a function that gives the summed loss's gradients by z_w and z_l, each as a list."""

    def take(method, pairs):
        method.loss(pairs).losses.sum().backward()
        found = (pairs.chosen_logp.grad, pairs.rejected_logp.grad)
        return [grad.tolist() if grad is not None else [0.0] * len(pairs.chosen_logp) for grad in found]

    return take


@pytest.fixture(scope="session")
def tabular(make_pairs):
    """Return a trainer of a three-response policy with one parameter t: logits -t (winner), -2t (loser), t (unseen).

    To prefer the winner to the loser, t must grow, and with it the mass of the response that no pair shows: the
    degenerate optimum of DPO in Fisch et al., arXiv 2405.19316, in the smallest space that has it.
    """

    def train(method, steps, dr=(1.0,), rate=0.5):
        feature = torch.tensor([-1.0, -2.0, 1.0], dtype=torch.float64)
        start = float(torch.log(torch.tensor(1 / 3, dtype=torch.float64)))
        at, stats = torch.zeros((), dtype=torch.float64, requires_grad=True), {}
        for _ in range(steps):
            logp = torch.log_softmax(at * feature, dim=0)
            live = {"chosen_logp": logp[:1], "rejected_logp": logp[1:2]}
            pairs = replace(make_pairs([0.0], [0.0], dr=[list(dr)], ref=([start], [start]), stats=stats), **live)
            out = method.loss(pairs)
            (slope,) = torch.autograd.grad(out.losses.sum(), at)
            at = (at - rate * slope).detach().requires_grad_()
            stats = method.follow(stats, {name: values.mean().item() for name, values in out.metrics.items()})
        logp = torch.log_softmax(at.detach() * feature, dim=0)
        return {"z_w": logp[0].item(), "z_l": logp[1].item(), "h": (logp[0] - logp[1]).item(), "start": start}

    return train


@pytest.fixture(scope="session")
def coins():
    """Return the divergence of two coins, given by their logits, written out from its definition."""

    def divergence(one, other):
        p, q = (1 / (1 + math.exp(-logit)) for logit in (one, other))
        return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))

    return divergence
