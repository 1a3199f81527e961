"""The cache of sampling: what transformers' own would hold, place by place, and how many rows share it."""

import torch
from transformers import AutoConfig, DynamicCache

from drdoctl.train.cache import CPU_ROWS, PlaceCache, batch_rows


def grown(cache: DynamicCache, rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Put random keys and values of two layers into a cache; return the last layer's."""
    for layer in range(2):
        made = tuple(torch.randn(2, rows, 2, columns, 5))
        cache.update(*made, layer)
    return made


def test_a_place_holds_what_transformers_own_would():
    """Prompts, a step, a row that leaves, one that comes, a step: each row's keys and values are its own."""
    torch.manual_seed(0)
    prompts, other = DynamicCache(), DynamicCache()
    keys, values = grown(prompts, 3, 4)
    cache = PlaceCache(3, 7)
    cache.fill(0, prompts, [4, 2, 3])
    memory = [layer.all_keys.data_ptr() for layer in cache.layers]
    cache.step_at(torch.tensor([4, 2, 3]), 5)
    step = grown(cache, 3, 1)
    cache.keep(torch.tensor([0, 2]), 5)
    new = grown(other, 1, 3)
    cache.fill(2, other, [3])
    cache.step_at(torch.tensor([5, 4, 3]), 6)
    for layer in range(2):
        more = tuple(torch.randn(2, 3, 2, 1, 5))
        seen = cache.update(*more, layer)
    for got, first, second, fresh, third in zip(seen, (keys, values), step, new, more, strict=True):
        assert got.shape == (3, 2, 6, 5)
        assert torch.equal(got[0, :, :6], torch.cat((first[0], second[0], third[0]), 1))
        assert torch.equal(got[1, :, :5], torch.cat((first[2, :, 1:], second[2], third[1]), 1))
        assert torch.equal(got[2, :, :4], torch.cat((fresh[0], third[2]), 1))
    assert cache.get_seq_length() == 6
    assert [layer.all_keys.data_ptr() for layer in cache.layers] == memory


def test_batch_rows_from_the_cache():
    """The batch shrinks as the cache a row needs grows, and never below one row."""
    small = AutoConfig.for_model("llama", hidden_size=32, num_hidden_layers=2, num_attention_heads=4)
    assert batch_rows(small, 30, torch.device("cpu")) == CPU_ROWS
    big = AutoConfig.for_model("llama", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32)
    assert batch_rows(big, 700, torch.device("cpu")) == 1
