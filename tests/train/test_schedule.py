"""Rows and learning rates as functions of the step."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.train.schedule import Order, learning_rate, mismatched, total_steps

SETTINGS = {"learning_rate": 2.0, "scheduler": "cosine", "warmup_steps": None, "warmup_ratio": None, "max_steps": None}


@given(rows=st.integers(1, 50), batch=st.integers(1, 20), seed=st.integers(0, 9))
def test_every_epoch_takes_every_row_once(rows, batch, seed):
    """The stream of rows is whole permutations one after the other, whatever the batch."""
    order = Order(rows, batch, seed)
    steps = 3 * rows // batch + 1
    stream = np.concatenate([order.batch(step) for step in range(steps)])
    for epoch in range(len(stream) // rows):
        assert sorted(stream[epoch * rows : (epoch + 1) * rows]) == list(range(rows))


def test_epochs_differ_and_seeds_differ():
    """Each epoch and each seed has an order of its own."""
    order = Order(100, 100, 0)
    assert list(order.batch(0)) != list(order.batch(1))
    assert list(order.batch(0)) != list(Order(100, 100, 1).batch(0))


@given(rows=st.integers(2, 50), seed=st.integers(0, 9))
def test_every_row_has_another_as_its_partner(rows, seed):
    """Partners are a ring in the first epoch's order: every row is one once, nobody its own; the seed decides."""
    partners, order = mismatched(rows, seed), Order(rows, rows, seed).batch(0)
    assert sorted(partners) == list(range(rows))
    assert all(partners[row] != row for row in range(rows))
    assert partners[order[1:]].tolist() == order[:-1].tolist()
    assert mismatched(1, seed).tolist() == [0]


@given(start=st.integers(0, 30))
def test_a_step_needs_no_history(start):
    """A fresh order gives the same rows at a step as one that went through all before: a resume has no state."""
    walked = Order(17, 5, 4)
    for step in range(start):
        walked.batch(step)
    np.testing.assert_array_equal(walked.batch(start), Order(17, 5, 4).batch(start))


def test_learning_rate_warms_up_and_decays():
    """Linear to the peak, then cosine towards zero."""
    settings = {**SETTINGS, "warmup_steps": 4}
    rates = [learning_rate(settings, step, 20) for step in range(20)]
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0]
    assert rates[4] == 2.0
    assert all(a > b for a, b in pairwise(rates[4:]))
    assert 0 < rates[-1] < 0.05


def test_other_schedules():
    """Linear falls evenly; constant stays; a warm-up ratio is a share of the steps."""
    assert learning_rate({**SETTINGS, "scheduler": "linear"}, 5, 10) == 1.0
    assert learning_rate({**SETTINGS, "scheduler": "constant"}, 9, 10) == 2.0
    assert learning_rate({**SETTINGS, "warmup_ratio": 0.5}, 0, 10) == 0.4


def test_total_steps():
    """Epochs leave out the last short batch; `max_steps` wins; there is at least one step."""
    assert total_steps({"max_steps": None, "epochs": 1.0, "global_batch": 8}, 30) == 3
    assert total_steps({"max_steps": None, "epochs": 2.5, "global_batch": 8}, 30) == 9
    assert total_steps({"max_steps": 7, "epochs": 1.0, "global_batch": 8}, 30) == 7
    assert total_steps({"max_steps": None, "epochs": 1.0, "global_batch": 64}, 30) == 1
