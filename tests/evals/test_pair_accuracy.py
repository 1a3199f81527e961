"""Accuracies on held-out pairs, by every reading of the student's reward."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.evals import EvalData
from drdoctl.evals._quality import calibration_error, correlation, moments


@pytest.fixture(scope="session")
def accuracy(make_eval):
    """Return a function that gives the figures by metric for columns of pairs."""

    def run(warnings=(), **columns):
        pairs = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
        data = EvalData(samples={}, baselines={}, pairs=pairs, warnings=warnings)
        return {figure.metric: figure for figure in make_eval("pair-accuracy").measure(data)}

    return run


LOGPS = {
    "chosen_logp": [-4, -9, -6],
    "rejected_logp": [-6, -8, -6],
    "chosen_tokens": [2, 9, 3],
    "rejected_tokens": [3, 4, 2],
}


def test_log_probabilities_by_sum_and_by_token(accuracy):
    """z: one right, one wrong, one tie; zbar: -2 and -2 tie, -1 over -2 right, -2 over -3 right."""
    found = accuracy(**LOGPS)
    assert found["logp_accuracy"].value == 0.5
    assert found["logp_per_token_accuracy"].value == pytest.approx(2.5 / 3)
    assert found["length_accuracy"].value == pytest.approx(2 / 3)
    assert "implicit_accuracy" not in found


def test_with_a_reference_it_is_the_sign_of_h(accuracy):
    """h = (z_w - zref_w) - (z_l - zref_l) is 1, 1, 1 here though z alone is right once: beta plays no part."""
    found = accuracy(**LOGPS, ref_chosen_logp=[-5, -11, -8], ref_rejected_logp=[-6, -9, -7])
    assert found["implicit_accuracy"].value == 1
    assert found["implicit_accuracy"].count == 3


def test_oracle_and_head_are_held_against_the_labels(accuracy):
    """Margins above 0 agree with the labels; agreement with the oracle is of signs, and carries the judge's stamp."""
    found = accuracy(**LOGPS, oracle_margin=[1, 2, -1], head_margin=[1, -1, -1], warnings=["judge = teacher"])
    assert found["oracle_accuracy"].value == pytest.approx(2 / 3)
    assert found["head_accuracy"].value == pytest.approx(1 / 3)
    assert found["oracle_agreement"].value == 0.5
    assert found["oracle_agreement"].warnings == ("judge = teacher",)
    assert found["oracle_accuracy"].warnings == ()


def test_a_reward_that_only_counts_tokens_is_seen(accuracy):
    """A margin proportional to the length difference has a length correlation of 1, its opposite of -1."""
    lengths = {"chosen_tokens": [5, 9, 3, 7], "rejected_tokens": [3, 4, 8, 7]}
    found = accuracy(**lengths, oracle_margin=[0.2, 0.5, -0.5, 0], head_margin=[-2, -5, 5, 0])
    assert found["oracle_length_correlation"].value == pytest.approx(1)
    assert found["head_length_correlation"].value == pytest.approx(-1)


def test_nothing_known_nothing_said(accuracy):
    """No columns, no rows or only NaN give no figures and no error."""
    assert accuracy() == {}
    assert accuracy(chosen_logp=[], rejected_logp=[], oracle_margin=[]) == {}
    assert accuracy(oracle_margin=[float("nan")]) == {}


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=3, max_size=20))
def test_correlation_is_pearsons(rows):
    """From means of the moments it is numpy's coefficient, within [-1, 1], wherever both columns vary."""
    x, y = np.array(rows).T
    if x.std() < 1e-3 or y.std() < 1e-3:
        return
    found = correlation(moments(x, y).mean(axis=0, keepdims=True))[0]
    assert found == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-6)


def test_calibration_by_hand():
    """Margins of ln 4 mean .8; right in 4 of 5 is calibrated, right in all 5 is .2 off."""
    sure = np.log(4)
    assert calibration_error(np.array([sure] * 4 + [-sure])) == pytest.approx(0, abs=1e-12)
    assert calibration_error(np.array([sure] * 5)) == pytest.approx(0.2)
