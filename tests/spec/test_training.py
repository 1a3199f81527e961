"""Defaults are the papers'."""

from __future__ import annotations

from drdoctl.spec.model import Oracle
from drdoctl.spec.training import Sft, Training


def test_defaults_are_those_of_the_papers():
    """DRDO, appendix D: learning rates, batch, schedule; SFT and the oracle at 1e-5."""
    train = Training()
    assert (train.learning_rate, train.global_batch, train.scheduler, train.weight_decay) == (5e-6, 64, "cosine", 0.05)
    assert (Sft().learning_rate, Oracle(model="a/b").learning_rate, Oracle(model="a/b").sft_weight) == (
        1e-5,
        1e-5,
        0.01,
    )
