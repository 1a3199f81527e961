"""Attention while sampling: blocks of rows give what one call over all of them gives; windows are masks."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import LlamaConfig

from drdoctl.train.decoding import BLOCK, place_attention, seen_by


@pytest.mark.parametrize("heads", [4, 2])
@pytest.mark.parametrize("rows", [1, BLOCK, 2 * BLOCK + 3])
def test_blocks_are_one_call(rows, heads):
    """What a row does not see is not read, and nothing else changes; query heads may share their keys."""
    torch.manual_seed(rows)
    at = torch.randint(0, 40, (rows,))
    widths = [int(part.max()) + 1 for part in at.split(BLOCK)]
    width = max(widths)
    query, key, value = torch.randn(rows, 4, 1, 8), *torch.randn(2, rows, heads, 40, 8)[..., :width, :]
    seen = seen_by(at, width, LlamaConfig())
    module = SimpleNamespace(num_key_value_groups=4 // heads, is_causal=True, training=False)
    found, _ = place_attention(module, query, key, value, seen, scaling=0.5, dropout=0.0, widths=widths)
    shared = [tensor.repeat_interleave(4 // heads, 1) for tensor in (key, value)]
    wanted = scaled_dot_product_attention(query, *shared, attn_mask=seen, scale=0.5)
    torch.testing.assert_close(found, wanted.transpose(1, 2))


def test_masks():
    """A token sees itself and what came before it, with a window as many as it holds; two kinds where there are two."""
    at = torch.tensor([0, 3])
    whole = [[1, 0, 0, 0], [1, 1, 1, 1]]
    near = [[1, 0, 0, 0], [0, 0, 1, 1]]
    assert seen_by(at, 4, SimpleNamespace())[:, 0, 0].int().tolist() == whole
    assert seen_by(at, 4, SimpleNamespace(sliding_window=2))[:, 0, 0].int().tolist() == near
    both = seen_by(at, 4, SimpleNamespace(sliding_window=2, layer_types=["full_attention", "sliding_attention"]))
    assert {kind: mask[:, 0, 0].int().tolist() for kind, mask in both.items()} == {
        "full_attention": whole,
        "sliding_attention": near,
    }
