"""How good a reward model is on labelled pairs, against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drdoctl.evals import _quality
from drdoctl.evals._quality import of_rows, quality


def found(pairs, seed=0):
    """Return the figures by (metric, group)."""
    figures = quality({name: np.asarray(values) for name, values in pairs.items()}, seed)
    assert len({(figure.metric, figure.group) for figure in figures}) == len(figures)
    return {(figure.metric, figure.group): figure for figure in figures}


def test_overall_figures_by_hand():
    """Margins 2, 0, -1: 1.5 of 3 right; log-loss and Brier from sigmoid(margin)."""
    got = found({"margin_0": [2.0, 0.0, -1.0]})
    sigmoid = [1 / (1 + math.exp(-m)) for m in (2, 0, -1)]
    assert got["accuracy", None].value == 0.5
    assert got["log_loss", None].value == pytest.approx(-sum(map(math.log, sigmoid)) / 3)
    assert got["brier", None].value == pytest.approx(sum((1 - p) ** 2 for p in sigmoid) / 3)
    assert got["margin", None].value == pytest.approx(1 / 3)
    assert got["margin_sd", None].value == pytest.approx(np.std([2, 0, -1]))
    assert got["accuracy", None].p == 1.0


def test_huge_margins_stay_finite():
    """Margins of a thousand give a finite log-loss and no warning."""
    with np.errstate(all="raise", under="ignore"):
        got = found({"margin_0": [1000.0, -1000.0]})
    assert got["log_loss", None].value == 500.0
    assert got["brier", None].value == 0.5


def test_length_alone_and_pairs_of_like_length():
    """Labels prefer the longer in 2 of 4; of the two pairs within 10 % one is right; a margin of lengths has r = 1."""
    tokens = {"chosen_tokens": [100, 50, 100, 100], "rejected_tokens": [50, 100, 95, 99]}
    got = found({"margin_0": [50.0, -50.0, 5.0, -1.0], **tokens})
    assert got["length_accuracy", None].value == 0.75
    assert (got["accuracy_like_length", None].value, got["accuracy_like_length", None].count) == (0.5, 2)
    assert found({"margin_0": [50.0, -50.0, 5.0, 1.0], **tokens})["length_correlation", None].value == pytest.approx(1)


def test_reliability_bins_pair_what_is_said_with_what_comes_true():
    """Four of five right at a certainty of 0.8 is calibrated: stated and observed agree, and the error is 0."""
    margin = math.log(0.8 / 0.2)
    got = found({"margin_0": [margin] * 4 + [-margin]})
    group = next(group for metric, group in got if metric == "reliability_stated")
    assert got["reliability_stated", group].value == pytest.approx(0.8)
    assert got["reliability_observed", group].value == pytest.approx(0.8)
    assert got["calibration_error", None].value == pytest.approx(0, abs=1e-12)


def test_quarters_by_confidence():
    """Eight pairs whose less confident half is wrong: quarters with accuracies 0, 0, 1, 1; unknown is left out."""
    got = found({"margin_0": [-1.0] * 4 + [1.0] * 5, "confidence": [1, 2, 3, 4, 5, 6, 7, 8, np.nan]})
    quarters = {group: figure for (metric, group), figure in got.items() if group and group.startswith("confidence")}
    assert [figure.value for figure in quarters.values()] == [0, 0, 1, 1]
    assert next(iter(quarters)) == "confidence 1 to 2"
    assert sum(figure.count for figure in quarters.values()) == 8


def test_the_same_confidence_everywhere_is_one_group():
    """Where all pairs have one confidence there is nothing to divide."""
    got = found({"margin_0": [1.0, -1.0], "confidence": [3.0, 3.0]})
    assert got["accuracy", "confidence 3 to 3"].count == 2


def test_subsets_count_alike_in_their_mean():
    """A subset of 3 right and one of 1 wrong: 3/4 of the pairs, 1/2 over the subsets."""
    got = found({"margin_0": [1.0, 1.0, 1.0, -1.0], "subset": ["chat", "chat", "chat", "code"]})
    assert got["accuracy", None].value == 0.75
    assert got["accuracy_over_subsets", None].value == 0.5
    assert (got["accuracy", "subset chat"].value, got["accuracy", "subset code"].value) == (1, 0)


def test_members_and_their_mean():
    """The figures are of the mean margin; two members in one order on 2 of 3 pairs; rho of reversed ranks is -1."""
    got = found({"margin_0": [3.0, 1.0, -1.0], "margin_1": [1.0, 2.0, 3.0]})
    assert got["accuracy", None].value == 1.0
    assert got["accuracy", "member 0"].value == pytest.approx(2 / 3)
    assert got["member_agreement", "members 0 and 1"].value == pytest.approx(2 / 3)
    assert got["member_spearman", "members 0 and 1"].value == pytest.approx(-1)
    assert got["member_pearson", "members 0 and 1"].value == pytest.approx(-1)


def test_no_pairs_no_figures():
    """Without pairs there is nothing to say."""
    assert quality({"margin_0": np.empty(0)}, 0) == []


def test_many_pairs_have_intervals_from_the_standard_error(monkeypatch):
    """Beyond a number of pairs the interval is mean +- 1.96 standard errors, near what the bootstrap gives."""
    margin = np.random.default_rng(0).normal(0.3, 1, 3000)
    pairs = {"margin_0": margin, "chosen_tokens": np.arange(3000), "rejected_tokens": np.arange(3000)[::-1]}
    slow = found(pairs)
    monkeypatch.setattr(_quality, "LARGE", 100)
    fast = found(pairs)
    assert {key for key in fast if fast[key].value != pytest.approx(slow[key].value)} == set()
    for metric in ("accuracy", "margin"):
        assert fast[metric, None].low == pytest.approx(slow[metric, None].low, abs=0.01)
        assert fast[metric, None].high == pytest.approx(slow[metric, None].high, abs=0.01)
        assert fast["accuracy", None].p == slow["accuracy", None].p


def test_what_a_file_tells():
    """Token counts always; confidence where it is a number; a subset for all rows where any has one."""
    rows = [{"confidence": 2, "subset": "chat"}, {"confidence": "high"}]
    got = of_rows(rows, [[3, 4], [5, 6]])
    assert got["chosen_tokens"].tolist() == [3, 5]
    assert got["confidence"][0] == 2
    assert np.isnan(got["confidence"][1])
    assert got["subset"].tolist() == ["chat", "none"]
    assert of_rows([{}], [[1, 2]]).keys() == {"chosen_tokens", "rejected_tokens"}


def test_near_quarters_keep_names_of_their_own():
    """Three digits where they tell the quarters apart, and as many as it takes where they do not."""
    margins = np.array([16.6875, 16.65625])
    got = found({"margin_0": margins, "confidence": margins})
    assert {group for _, group in got if group and "confidence" in group} == {
        "confidence 16.66 to 16.66",
        "confidence 16.69 to 16.69",
    }
    nearest = 1 + np.arange(8) * np.finfo(float).eps
    groups = {group for _, group in found({"margin_0": nearest, "confidence": nearest}) if group and "conf" in group}
    assert len(groups) == 4


@example([16.6875, 16.65625])
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=40))
def test_any_margins_give_shares_between_0_and_1(margins):
    """Shares and errors stay shares, and reliability bins hold every pair once."""
    got = found({"margin_0": margins, "confidence": np.abs(margins)})
    assert all(0 <= figure.value <= 1 for (_, _), figure in got.items() if figure.unit == "share")
    assert sum(figure.count for (metric, _), figure in got.items() if metric == "reliability_stated") == len(margins)
