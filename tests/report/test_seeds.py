"""Results over seeds: means, spreads and intervals of one number a seed."""

from __future__ import annotations

import pytest
from grid_house import figure, grid, label, plan, student, students

from drdoctl.report.head_to_head import Difference
from drdoctl.report.seeds import differences_over_seeds, members, over_seeds, several_seeds

SEEDS = (0, 1, 2)
VALUES = {(method, rate, seed): seed + 10 * rate for method in ("dpo", "ipo") for rate in (0.1, 0.2) for seed in SEEDS}


def difference(seed, mean, first=("dpo", 0.1), second=("ipo", 0.1), **fields):
    """Return a difference of two students of one seed."""
    about = {"judge": "truth", "sampling": "t0.7", "temperature": 0.7, "low": None, "high": None, "count": 9}
    wins = {"win_rate": 0.5 + mean / 100, "win_low": None, "win_high": None, "warnings": []}
    names = {"first": label(*first, seed), "second": label(*second, seed)}
    return Difference(**names, **{**about, **wins, "seed": seed, "mean": mean, **fields})


def test_a_setting_has_mean_spread_and_interval_over_seeds():
    """Of 1, 2 and 3: mean 2, sd 1, and t of two degrees of freedom, 4.303, times 1/sqrt(3)."""
    made = plan(grid(seeds=SEEDS))
    rows = over_seeds(members(made, students(VALUES)))
    assert [row.label for row in rows] == ["dpo,rate=0.1", "dpo,rate=0.2", "ipo,rate=0.1", "ipo,rate=0.2"]
    found = {(one.metric, one.part): one for one in rows[0].figures}["truth.reward", "validation"]
    assert (rows[0].seeds, found.values) == ([0, 1, 2], [1.0, 2.0, 3.0])
    assert (found.mean, found.sd, found.count) == (2.0, 1.0, 3)
    assert (found.low, found.high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4)


def test_an_interval_of_shares_holds_shares():
    """Where t would go beyond 1, the interval of a share ends there; other figures keep theirs."""
    made = plan(grid(methods=("dpo",), choice=None))
    share = {"metric": "win_rate", "unit": "share"}
    rows = [
        student(label("dpo", 0.1, seed), figure(value), figure(value).model_copy(update=share))
        for seed, value in enumerate((0.9, 1.0))
    ]
    (row,) = over_seeds(members(made, rows))
    reward, wins = row.figures
    assert reward.high > 1 > reward.low
    assert (wins.low, wins.high) == (pytest.approx(reward.low), 1.0)


def test_start_models_of_each_seed_are_one():
    """The start models of all seeds come first, and a start model that seeds share is none of them."""
    made = plan(grid(seeds=SEEDS))
    every = [student(f"sft,seed={seed}", figure(float(seed))) for seed in SEEDS] + students(VALUES)
    found = members(made, every)
    assert next(iter(found)) == "sft"
    assert list(found["sft"]) == [0, 1, 2]
    assert several_seeds(made)[label("ipo", 0.2, 1)] == 1


def test_what_one_seed_lacks_is_not_made_up():
    """A value that is missing is null and out of the mean; stamps of any seed stay."""
    made = plan(grid(methods=("dpo",), choice=None))
    rows = [
        student(label("dpo", 0.1, 0), figure(1.0), figure(5.0, metric="rare", warnings=["careful"])),
        student(label("dpo", 0.1, 1), figure(None)),
    ]
    (row,) = over_seeds(members(made, rows))
    reward, rare = row.figures
    assert (reward.values, reward.mean, reward.sd, reward.count) == ([1.0, None], 1.0, None, 1)
    assert (rare.values, rare.low, rare.warnings) == ([5.0, None], None, ["careful"])


def test_one_seed_is_no_seeds():
    """Without a seed axis there is nothing over seeds."""
    made = plan(grid(seeds=(0,)))
    assert over_seeds(members(made, students({key: 1.0 for key in VALUES if key[2] == 0}))) == []
    assert several_seeds(made) == {}
    assert members(plan(grid()).__class__(grid=None, stages=[]), []) == {}


def test_differences_are_paired_within_a_seed():
    """The mean over seeds of each seed's mean difference, with its own spread, far narrower than the students'."""
    found = members(plan(grid(seeds=SEEDS)), students(VALUES))
    rows = [difference(seed, mean, warnings=["w"] if seed else []) for seed, mean in zip(SEEDS, (1, 2, 3), strict=True)]
    (row,) = differences_over_seeds(found, rows)
    assert (row.first, row.second, row.seeds) == ("dpo,rate=0.1", "ipo,rate=0.1", [0, 1, 2])
    assert (row.mean, row.sd, row.values) == (2.0, 1.0, [1.0, 2.0, 3.0])
    assert row.low < 0 < row.high
    assert row.p == pytest.approx(0.0742, abs=1e-3)  # t = 3.464 with two degrees of freedom
    assert row.win_rate == pytest.approx(0.52)
    assert row.warnings == ["w"]
    assert differences_over_seeds(found, rows[:1]) == []
    assert differences_over_seeds(found, [one.model_copy(update={"seed": None}) for one in rows]) == []
