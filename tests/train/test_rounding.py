"""Lengths rounded up: nothing changes but the lengths, whatever the architecture, and the lengths are few."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))

import plain  # noqa: E402
from plain import PAIRS, SHAPES  # noqa: E402

from drdoctl.train import forward, models  # noqa: E402
from drdoctl.train.batches import collate  # noqa: E402
from drdoctl.train.rounding import kernels_by_length, lacking, rounded  # noqa: E402


@given(st.integers(1, 10**6))
def test_lengths_are_few_and_near(length):
    """A rounded length is at most a sixteenth longer, stays as it is when rounded again, and has four leading bits."""
    made = length + lacking(length)
    assert length <= made <= length * 17 / 16
    assert lacking(made) == 0
    assert made < 16 or made % (1 << (made.bit_length() - 5)) == 0


def test_a_batch_keeps_its_tokens():
    """Padding lies behind everything, in a tree of its own that covers it, and reads stay ascending."""
    batch = collate(PAIRS * 3)
    reads = batch.reads
    more, wider = rounded(batch, reads)
    tokens = batch.tokens
    assert more.tokens > tokens
    assert lacking(more.tokens) == 0
    assert torch.equal(more.input_ids[:, :tokens], batch.input_ids)
    assert torch.equal(wider[: len(reads)], reads)
    assert bool((wider.diff() >= 0).all())
    assert lacking(len(wider)) == 0
    assert sum(prompt + sum(responses) for prompt, responses in more.trees) == more.tokens


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_nothing_else_changes(shape, monkeypatch):
    """In float64, log-probabilities, rewards and every weight's gradient are those of the plain lengths to 1e-9."""
    model = plain.policy(plain.fields(shape), double=True)
    batch = collate(PAIRS * 3)

    def numbers():
        outputs = model(batch)
        loss = (outputs.logp * outputs.reward).sum()
        return outputs.logp.detach(), outputs.reward.detach(), plain.gradients(model, loss)

    before = numbers()
    lengths = []
    whole = rounded

    def noted(*given):
        made = whole(*given)
        lengths.append(made[0].tokens)
        return made

    for module in (models, forward):
        monkeypatch.setattr(module, "kernels_by_length", lambda device: True)
    monkeypatch.setattr(models, "rounded", noted)
    after = numbers()
    assert lengths == [batch.tokens + lacking(batch.tokens)]
    torch.testing.assert_close(after[0], before[0], rtol=1e-9, atol=0)
    torch.testing.assert_close(after[1], before[1], rtol=1e-9, atol=1e-12)
    assert plain.distance(after[2], before[2]) < 1e-9


def test_it_is_for_bfloat16_on_a_cpu_alone():
    """Only under autocast on a CPU are lengths rounded."""
    cpu = torch.device("cpu")
    assert not kernels_by_length(cpu)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert kernels_by_length(cpu)
        assert not kernels_by_length(torch.device("cuda"))
