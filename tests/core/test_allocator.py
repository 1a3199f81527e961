"""The allocator's settings: a stage has them, what it starts for the user has none of ours."""

from drdoctl.core.allocator import ALLOCATOR, without_allocator


def test_only_our_own_values_are_left_out():
    """What the user set otherwise stays, and so does all else."""
    users = {"MALLOC_TRIM_THRESHOLD_": "131072", "PATH": "/bin"}
    assert without_allocator({**ALLOCATOR, **users}) == users
    assert without_allocator(ALLOCATOR) == {}
