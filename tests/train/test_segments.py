"""Tree attention by segment: what any device can do."""

import pytest

torch = pytest.importorskip("torch")

from drdoctl.train.flash import tree_softmax  # noqa: E402
from drdoctl.train.segments import by_segment  # noqa: E402


def test_heads_share_keys_and_values():
    """Grouped queries get the keys and values of their group, with the gradients of the CPU's kernels."""
    trees, stream = ((3, (2, 4)), (5, ())), torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(1, heads, 14, 8, dtype=torch.float64, generator=stream, requires_grad=True) for heads in (6, 2, 2)
    )
    found, wanted = (attend(query, key, value, trees, 0.3) for attend in (by_segment, tree_softmax))
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-12)
    gradients = [torch.autograd.grad(out.square().sum(), (query, key, value)) for out in (found, wanted)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-11)
