"""Activations: what a plan counts for a layer is what autograd keeps of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from drdoctl.core.architectures import shape_of
from drdoctl.plan.activations import activation_bytes
from drdoctl.plan.sizes import ModelSize

FIELDS = {
    "hidden_size": 128,
    "heads": 2,
    "mlp_size": None,
    "max_positions": 512,
    "tied": True,
    "activation": "gelu",
    "rope_theta": 1e4,
    "init_std": 0.02,
}


def kept(model_type, layers, dtype, items, **more):
    """Return the bytes that autograd keeps of a forward pass, weights left out, and the model's configuration."""
    from drdoctl.train.batches import collate
    from drdoctl.train.models import Policy, new_lm

    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    policy = Policy(new_lm({**FIELDS, "model_type": model_type, "layers": layers, **more}, 0, 64, special))
    shapes = {weight.shape for weight in policy.parameters()} | {weight.t().shape for weight in policy.parameters()}
    found = {}

    def pack(tensor):
        if tensor.shape not in shapes:
            found[tensor.untyped_storage().data_ptr()] = (tensor.untyped_storage().nbytes(), tensor)
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16"):
        policy(collate(items))
    return sum(size for size, _ in found.values()), policy.lm.config


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("model_type", ["bloom", "gemma", "gpt_neox", "llama", "opt", "phi3", "qwen2", "qwen3"])
def test_a_layer_keeps_what_autograd_keeps(model_type, dtype):
    """A further layer leaves for each token what is counted for it, within a twelfth; pairs are half prompt."""
    compare(model_type, dtype)


def test_alibis_features_are_counted():
    """Where Bloom's heads are narrow, what attention keeps of its features is a large part, and is counted."""
    compare("bloom", "fp32", heads=16)


def compare(model_type, dtype, **more):
    stream = np.random.default_rng(0)
    items = [
        (stream.integers(3, 64, 60).tolist(), tuple(stream.integers(3, 64, 30).tolist() for _ in range(2)))
        for _ in range(4)
    ]
    tokens = 4 * 120
    (two, config), (three, _) = (kept(model_type, layers, dtype, items, **more) for layers in (2, 3))
    shape = shape_of(config.to_dict())
    size = ModelSize(shape, shape.parameters)
    assert (three - two) / tokens == pytest.approx(activation_bytes(size, dtype, cpu=True) / shape.layers, rel=1 / 12)
