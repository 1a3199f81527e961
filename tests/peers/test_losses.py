"""TRL's own loss functions on random log-probabilities, a pair at a time: SimPO, CPO's contrast, ORPO's odds.

CPO's and ORPO's likelihoods, which TRL takes from a model's logits, and all losses with a reference are compared in
`test_trl.py`, through whole trainers.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("trl")

import torch

from drdoctl.methods import PairNumbers, methods

pytestmark = pytest.mark.peers
COUNT = 64


@pytest.fixture(scope="module")
def pairs():
    """Random pairs: 4 to 200 tokens at -0.1 to -4 nats each, a reference near them."""
    stream = torch.Generator().manual_seed(0)
    tokens = torch.randint(4, 200, (2, COUNT), generator=stream).float()
    logp = -tokens * (0.1 + 3.9 * torch.rand(2, COUNT, generator=stream))
    reference = logp + 5 * torch.randn(2, COUNT, generator=stream)
    return PairNumbers(logp[0], logp[1], tokens[0], tokens[1], None, reference[0], reference[1])


def ours(pairs, name, **options):
    """Return a method's losses."""
    return methods()[name].model_validate({"name": name, **options}).loss(pairs).losses


@pytest.mark.parametrize(
    ("options", "loss", "settings"),
    [
        ({"gamma": 0.7, "beta": 2.0}, "simpo", {"simpo_gamma": 0.7, "beta": 2.0}),
        ({"sft_weight": 0.0, "beta": 0.3}, "sigmoid", {"beta": 0.3}),
    ],
)
def test_cpo_and_simpo_are_trls(pairs, options, loss, settings):
    """`CPOTrainer.cpo_loss` on sums (CPO) or means (SimPO) gives the same losses; the likelihood is a term apart."""
    from trl.experimental.cpo import CPOTrainer

    name = "simpo" if loss == "simpo" else "cpo"
    trainer = SimpleNamespace(
        loss_type=loss, alpha=0.0, label_smoothing=0.0, accelerator=SimpleNamespace(device="cpu"), **settings
    )
    mean = name == "simpo"
    chosen, rejected = (
        logp / tokens if mean else logp
        for logp, tokens in (
            (pairs.chosen_logp, pairs.chosen_tokens),
            (pairs.rejected_logp, pairs.rejected_tokens),
        )
    )
    theirs = CPOTrainer.cpo_loss(trainer, chosen, rejected)[0]
    torch.testing.assert_close(ours(pairs, name, **options), theirs, rtol=1e-5, atol=1e-5)


def test_orpo_is_trls(pairs):
    """`ORPOTrainer.odds_ratio_loss` is what our loss adds to the likelihood of a response token."""
    from trl.experimental.orpo import ORPOTrainer

    trainer = SimpleNamespace(beta=0.25, accelerator=SimpleNamespace(device="cpu"))
    chosen, rejected = pairs.chosen_logp / pairs.chosen_tokens, pairs.rejected_logp / pairs.rejected_tokens
    odds = ORPOTrainer.odds_ratio_loss(trainer, chosen, rejected)[0]
    torch.testing.assert_close(ours(pairs, "orpo", odds_weight=0.25), -chosen - odds, rtol=1e-5, atol=1e-5)
