"""Work beside matrix products: what makes a step dearer."""

from __future__ import annotations

import pytest
from test_memory import RESOURCES, model

from drdoctl.plan.load import Load
from drdoctl.plan.work import (
    PIECE_TOKENS,
    busiest,
    sampled_pieces,
    sampling,
    scored_pieces,
    scoring,
    start_seconds,
    training_step,
)

LOAD = Load(2048.0, 1024.0, 4.0)


def step(**resources):
    """Return a process's work in a step of 8,192 tokens."""
    size = model()
    return training_step(size, LOAD, 8192.0, 32, "fp32", {**RESOURCES, **resources}, size.parameters, 1.0)


def test_a_step_costs_more_when_it_recomputes_or_shares():
    """Recomputation starts and moves more; higher ZeRO stages move more for each parameter."""
    assert step(gradient_checkpointing=True).calls > step().calls
    moved = [step(zero_stage=stage).moved for stage in (0, 1, 2, 3)]
    assert moved == sorted(moved)


def test_processes_share_the_rows():
    """Two processes have half the rows' operations each."""
    assert step(processes=2).moved < step().moved


def test_sampling_reads_all_weights_for_each_token():
    """Twice the tokens move about twice the bytes, and small batches read the weights more often."""
    size = model()
    once, twice = (sampling(size, 64, 200.0, new, 64, "fp32", RESOURCES) for new in (50.0, 100.0))
    assert twice.moved == pytest.approx(2 * once.moved)
    assert sampling(size, 64, 200.0, 50.0, 8, "fp32", RESOURCES).moved > once.moved
    # bfloat16 writes what it reads once more, and of a GPU nothing was measured
    bf16, cuda = sampling(size, 64, 200.0, 50.0, 64, "bf16", RESOURCES), {**RESOURCES, "device": "cuda"}
    assert sampling(size, 64, 200.0, 50.0, 64, "fp32", cuda) == bf16
    assert bf16.moved > once.moved
    assert scoring(size, 2e4, 100, 50, "fp32").calls == pytest.approx(2 * scoring(size, 1e4, 50, 25, "fp32").calls)
    assert scoring(size, 2e4, 100, 50, "fp32").moved > scoring(size, 2e4, 100, 0, "fp32").moved


def test_a_process_takes_whole_pieces():
    """Of few pieces the first process has more than its share: all of one, two of three; of many, its share."""
    assert [busiest(pieces, 2) for pieces in (1, 2, 3)] == [1.0, 0.5, pytest.approx(2 / 3)]
    assert busiest(999, 1) == 1.0
    assert busiest(1000, 3) == 0.334
    assert [scored_pieces(times * PIECE_TOKENS) for times in (0, 0.2, 3, 3.1)] == [1, 1, 3, 4]
    assert sampled_pieces(model(), 1024, 100.0) == 2
    assert sampled_pieces(model(), 1025, 1e9) == 17


def test_a_fork_starts_sooner():
    """On a CPU processes are forked from a warm one; on CUDA several need a launcher; data stages import tokenizers."""
    two, cuda = {"processes": 2}, {"device": "cuda"}
    forked, together, started, launched = (
        start_seconds("align", {**RESOURCES, **given}) for given in ({}, two, cuda, {**two, **cuda})
    )
    assert forked < together < started < launched
    assert start_seconds("logps", RESOURCES) < forked < start_seconds("data", RESOURCES)
