"""The cache of sampling: what transformers' own would hold, and how many rows share it."""

import torch
from transformers import AutoConfig
from transformers.cache_utils import DynamicLayer

from drdoctl.train.cache import CPU_ROWS, RoomyLayer, batch_rows, roomy_cache


def test_a_layer_holds_what_transformers_own_would():
    """Prefill, a step, rows that leave, a step: keys and values are those of `DynamicLayer`, in one piece of memory."""
    torch.manual_seed(0)
    ours, theirs = RoomyLayer(6), DynamicLayer()
    memory = set()
    for rows, columns, keep in ((3, 4, None), (3, 1, torch.tensor([0, 2])), (2, 1, None)):
        keys, values = torch.randn(2, rows, 2, columns, 5)
        for got, want in zip(ours.update(keys, values), theirs.update(keys, values), strict=True):
            assert torch.equal(got, want)
        memory.add(ours.all_keys.data_ptr())
        if keep is not None:
            ours.batch_select_indices(keep)
            theirs.batch_select_indices(keep)
    assert ours.get_seq_length() == theirs.get_seq_length() == 6
    assert len(memory) == 2  # taken anew only where rows left


def test_windows_keep_their_own_layers():
    """Only layers that see the whole row get room for it; those with a window stay transformers' own."""
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    whole = roomy_cache(AutoConfig.for_model("llama", **shape), 9)
    window = roomy_cache(AutoConfig.for_model("phi3", **shape, num_key_value_heads=4, sliding_window=9), 9)
    assert [type(layer) is RoomyLayer for layer in (*whole.layers, *window.layers)] == [True, True, False, False]


def test_batch_rows_from_the_cache():
    """The batch shrinks as the cache a row needs grows, and never below one row."""
    small = AutoConfig.for_model("llama", hidden_size=32, num_hidden_layers=2, num_attention_heads=4)
    assert batch_rows(small, 30, torch.device("cpu")) == CPU_ROWS
    big = AutoConfig.for_model("llama", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32)
    assert batch_rows(big, 700, torch.device("cpu")) == 1
