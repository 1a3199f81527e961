"""The rewards stage: one column for each oracle, in order."""

from __future__ import annotations


def test_columns_follow_the_members(world):
    """`oracle-0` to `oracle-K-1` are the members in the order of their seeds."""
    wants = {want.id: want for want in world.wants("method={name: e-dpo, members: 3}")}
    roles = {role: want.id for role, want in wants["rewards[e-dpo]"].inputs.items()}
    assert roles == {"data": "data", **{f"oracle-{index}": f"oracle[member-{index}]" for index in range(3)}}


def test_methods_without_rewards_have_no_stage(world):
    """DPO learns from no rewards."""
    assert "rewards" not in {want.kind for want in world.wants("method=dpo")}
