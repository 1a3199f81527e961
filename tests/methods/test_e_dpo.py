"""Pessimism over an ensemble: where the minimum sits, what is remembered, and what it prevents."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

REF = ([-5.0, -5.0], [-5.0, -5.0])
DR = [[1.0, 3.0], [2.0, 0.0]]
"""Two pairs, two members; at the reference their losses are dr^2: (1, 9) and (4, 0)."""


def test_one_member_is_d_dpo(make_pairs, make_method):
    """With K = 1 and no KL term the loss is d-DPO's, pair by pair."""
    data = {"z_w": [-3.0, -9.0], "z_l": [-8.0, -2.0], "dr": [1.0, -2.0], "ref": REF}
    one = make_method("e-dpo", members=1).loss(make_pairs(**data)).losses
    assert one.tolist() == make_method("d-dpo").loss(make_pairs(**data)).losses.tolist()


@pytest.mark.parametrize(
    ("where", "stats", "losses", "share"),
    [
        ("example", {}, [1, 0], [0.5, 0.5]),
        ("batch", {"member_loss_0": 2.5, "member_loss_1": 4.5}, [1, 4], [1, 0]),
        ("dataset", {"member_loss_0": 9.0, "member_loss_1": 1.0}, [9, 0], [0, 1]),
        ("dataset", {}, [5, 2], [0.5, 0.5]),
    ],
)
def test_where_the_minimum_sits(make_pairs, make_method, where, stats, losses, share):
    """`example` takes each pair's least, the others the member with the least mean; before any mean, all alike."""
    pairs = make_pairs([-5.0, -5.0], [-5.0, -5.0], dr=DR, ref=REF, stats=stats)
    out = make_method("e-dpo", members=2, ensemble_min=where).loss(pairs)
    assert out.losses.tolist() == pytest.approx(losses)
    assert [out.metrics[f"member_share_{index}"].mean().item() for index in range(2)] == pytest.approx(share)


def test_the_batch_minimum_asks_for_batch_means(make_method):
    """Only `ensemble_min: batch` costs a second forward pass."""
    assert [make_method("e-dpo", ensemble_min=where).batch_stats for where in ("example", "batch", "dataset")] == [
        False,
        True,
        False,
    ]


def test_the_running_mean_follows_each_member(make_method):
    """The first step's means start the moving averages; each later step moves them by 1 %."""
    method = make_method("e-dpo", members=2)
    stats = method.follow({}, {"member_loss_0": 4.0, "member_loss_1": 1.0, "loss": 3.0})
    assert stats == {"member_loss_0": 4.0, "member_loss_1": 1.0}
    assert method.follow(stats, {"member_loss_0": 2.0, "member_loss_1": 1.0}) == pytest.approx(
        {"member_loss_0": 3.98, "member_loss_1": 1.0}
    )
    assert make_method("e-dpo", members=2, ensemble_min="example").follow({}, {"member_loss_0": 1.0}) == {}


def test_the_kl_term_is_the_likelihood_of_the_logged_responses(make_pairs, make_method, gradients):
    """Its gradient is -gamma/2 by each log-probability; at the reference its value is 0."""
    data = {"z_w": [-5.0, -5.0], "z_l": [-5.0, -5.0], "dr": [[0.0], [0.0]], "ref": REF}
    method = make_method("e-dpo", members=1, gamma=0.5)
    assert method.loss(make_pairs(**data)).losses.tolist() == [0, 0]
    assert gradients(method, make_pairs(**data)) == [[-0.25, -0.25], [-0.25, -0.25]]
    moved = method.loss(make_pairs(**{**data, "z_w": [-7.0, -5.0], "z_l": [-7.0, -5.0]}))
    assert moved.metrics["forward_kl"].tolist() == [2, 0]


def test_an_overrating_member_is_not_followed(make_method, tabular):
    """Of members that ask for margins 1 and 8 at beta 1, the policy follows the modest one, and h stops at 1."""
    found = tabular(make_method("e-dpo", beta=1.0, members=2), steps=400, dr=(1.0, 8.0), rate=0.05)
    assert found["h"] == pytest.approx(1, abs=0.01)


def test_pessimism_stops_the_degeneracy_of_dpo(make_method, tabular):
    """Where DPO drives the winner's probability to 0, distillation ends at a finite h, and the KL term saves mass."""
    dpo = tabular(make_method("dpo", beta=1.0), steps=1000)
    plain = tabular(make_method("e-dpo", beta=1.0, members=1), steps=1000, rate=0.05)
    pessimistic = tabular(make_method("e-dpo", beta=1.0, members=1, gamma=0.5), steps=1000, rate=0.05)
    assert dpo["z_w"] < plain["z_w"] < pessimistic["z_w"]
    assert plain["h"] == pytest.approx(1, abs=1e-6)
    assert pessimistic["h"] > 0


def test_needs_members_of_its_own(make_method):
    """The plan trains `members` oracles for this method; with one member the place of the minimum is refused."""
    method = make_method("e-dpo", members=4)
    assert (method.oracle_members, method.ensemble, method.needs_logps) == (4, True, True)
    with pytest.raises(ValidationError, match="`ensemble_min` has no effect with one member"):
        make_method("e-dpo", members=1, ensemble_min="batch")
