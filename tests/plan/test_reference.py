"""Estimates of what the reference's responses cost."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from drdoctl.plan.reference import drawn, scored, together, with_samples
from drdoctl.plan.seconds import Work
from drdoctl.plan.sizes import Rows, Sizes
from drdoctl.plan.types import Estimate

ROWS = Rows(count=100, prompt=10.0, chosen=20.0, rejected=30.0, longest=90.0, spread=5.0)


def want(responses, limit, *, own=True):
    """A stage that draws responses, or one that reads such a stage's."""
    drawing = SimpleNamespace(sizes={"samples": {"responses": responses, "max_new_tokens": limit}}, inputs={})
    return drawing if own else SimpleNamespace(sizes={}, inputs={"samples": drawing})


@pytest.mark.parametrize(("limit", "length"), [(50, 20.0), (8, 8)])
def test_a_reference_writes_as_much_as_is_logged(limit, length):
    """A response is as long as a chosen one, or as its limit; who reads the samples and who makes them agree."""
    assert drawn(want(3, limit), ROWS) == drawn(want(3, limit, own=False), ROWS) == (3, length)


def test_samples_are_learnt_on_and_scored():
    """A step computes them beside the pair; the scoring stage computes them in place of it; others do neither."""
    nobody = SimpleNamespace(sizes={}, inputs={})
    assert with_samples(nobody, ROWS) is ROWS
    assert with_samples(want(2, 50, own=False), ROWS).pair == ROWS.pair + 40
    assert with_samples(want(2, 50, own=False), None) is None
    sizes = Sizes(ROWS, ROWS, None, None)
    assert scored(nobody, sizes) is sizes
    assert scored(want(2, 50), sizes).train.pair == 10 + 40


def test_one_thing_after_the_other():
    """Tokens, FLOPs and work add up; memory is the larger of the two, with its parts."""
    one = Estimate(tokens=3, flops=5.0, memory_gib=2.0, memory={"cache": 2.0}), Work(flops=1.0)
    other = Estimate(tokens=4, flops=6.0, memory_gib=1.0), Work(flops=2.0)
    for both in (together(one, other), together(other, one)):
        assert both == (Estimate(tokens=7, flops=11.0, memory_gib=2.0, memory={"cache": 2.0}), Work(flops=3.0))
