"""Rows, tokens and FLOPs: from the data's report where it exists, else guessed from the source."""

from __future__ import annotations

import json

import pytest
from plan_world import CONFIG

from drdoctl.plan.sizes import model_size, sizes_of


def data_want(world, *sets):
    """Return the data stage."""
    return world.wants(*sets)[0]


def commit_report(world, want, parts):
    """Put a data artifact with a report into the store."""
    world.store.prepare()
    folder, _ = world.store.open_partial(want)
    (folder / "report.json").write_text(json.dumps({"parts": parts}))
    world.store.commit(want, "small", {}, 1.0)


def test_guesses_rest_on_rows_and_bytes(world):
    """Before the data stage has run, rows come from the file, less what is held out; lengths from its bytes."""
    sizes = sizes_of(data_want(world), world.store)
    assert (sizes.train.count, sizes.eval.count, sizes.prompts.count) == (95, 5, 5)
    assert sizes.train.pair == pytest.approx(world.data.stat().st_size / 100 / 4)


def test_limits_cut_the_guess(world):
    """`max_rows`, `max_eval_rows`, `eval_fraction` and the splits are taken into account."""
    sizes = sizes_of(
        data_want(world, "data.max_rows=10", "data.eval_fraction=0.2", "data.max_eval_rows=7"), world.store
    )
    assert (sizes.train.count, sizes.eval.count) == (10, 7)
    assert sizes_of(data_want(world, "data.split=[hard]"), world.store).train.count == 24


def test_the_report_knows(world):
    """With the data artifact there, its report's rows and lengths are taken, and SFT falls back on the pairs."""
    want = data_want(world)
    lengths = {"prompt_tokens": {"mean": 10.0}, "chosen_tokens": {"mean": 4.0}, "rejected_tokens": {"mean": 2.0}}
    commit_report(world, want, {"train": {"rows": 33, **lengths}, "eval": {"rows": 3, **lengths}})
    sizes = sizes_of(want, world.store)
    assert (sizes.train.count, sizes.train.pair, sizes.train.single) == (33, 16.0, 14.0)
    assert (sizes.sft.count, sizes.prompts.count) == (33, 3)


def test_nothing_known_is_none(world):
    """A dataset on the Hub of unknown size has no rows to count, unless `max_rows` bounds them."""
    spec = world.spec.read_text().replace("{jsonl: pairs.jsonl}", "{hub: org/data}")
    world.spec.write_text(spec)
    assert sizes_of(data_want(world), world.store).train is None
    assert sizes_of(data_want(world, "data.max_rows=64"), world.store).train.count == 64


def test_forward_flops_by_hand():
    """2 FLOPs a weight and token, 2 l d s of causal attention, and the LM head only where it is used."""
    size = model_size({"config": CONFIG, "parameters": None})
    body = 2 * (4 * 16 * 16 + 3 * 16 * 32 + 2 * 16) + 16
    assert size.shape.body == body
    assert size.forward(10, 5) == 10 * (2 * body + 2 * 2 * 16 * 5)
    assert size.forward(10, 5, 3) - size.forward(10, 5) == 3 * 2 * 16 * 32


def test_no_configuration_no_size():
    """A model of which nothing is known has no size."""
    assert model_size(None) is None
    assert model_size({"config": None}) is None
