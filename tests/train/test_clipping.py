"""The head's gradient apart from the trunk's. Through DeepSpeed: `test_align.py`."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from drdoctl.train.clipping import APART, SCALE, HeadClip, hide  # noqa: E402


def after(gradient, limit, trunk_norm, trunk_limit=1.0):
    """Return what is left of a head's gradient that the trunk's factor was applied to, and the clip."""
    clip = HeadClip(limit, trunk_limit, None)
    clip.trunk_norm = trunk_norm
    head, other = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(2))
    head.grad = gradient * SCALE * min(1.0, trunk_limit / (trunk_norm + 1e-6))
    other.grad = torch.ones(2)
    adamw = torch.optim.AdamW([{"params": [other]}, {"params": [head], APART: True}])
    clip(adamw, (), {})
    assert torch.equal(other.grad, torch.ones(2))
    return head.grad, clip


@pytest.mark.parametrize("trunk_norm", [0.1, 1.0, 250.0])
def test_the_trunks_factor_is_taken_back(trunk_norm):
    """Within its limit a head's gradient is its own, whatever the trunk's norm."""
    gradient = torch.tensor([3.0, 0.0, -4.0])
    left, clip = after(gradient, 6.0, trunk_norm)
    torch.testing.assert_close(left, gradient)
    assert clip.norm == pytest.approx(5.0, rel=1e-6)


def test_a_long_gradient_is_cut_to_the_limit():
    """Beyond it, it keeps its direction and has the limit's length."""
    left, clip = after(torch.tensor([3.0, 0.0, -4.0]), 0.5, 7.0)
    torch.testing.assert_close(left, torch.tensor([0.3, 0.0, -0.4]))
    assert clip.norm == pytest.approx(5.0, rel=1e-6)


def test_a_group_that_is_not_shown_is_left_alone():
    """ZeRO steps one group at a time: the others are hidden, empty, or have no gradient."""
    clip = HeadClip(1.0, 1.0, None)
    trunk, head = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
    trunk.grad = torch.ones(2)
    clip(torch.optim.AdamW([{"params": [trunk]}, {"params": [head], APART: True}]), (), {})
    assert torch.equal(trunk.grad, torch.ones(2))
    assert clip.norm == 0.0


def test_a_hidden_head_hardly_counts():
    """Its gradient is a thousandth of what it was."""
    head = nn.Linear(2, 1, bias=False)
    hide(head)
    head(torch.ones(1, 2)).sum().backward()
    torch.testing.assert_close(head.weight.grad, torch.full((1, 2), SCALE))
