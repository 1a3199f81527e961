"""DeepSpeed's configuration from settings and resources."""

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from drdoctl.train.engine import config, optimizer  # noqa: E402

SETTINGS = {"max_grad_norm": 0.5, "learning_rate": 0.1, "weight_decay": 0.3, "beta1": 0.8, "beta2": 0.9}


def made(dtype="fp32", **resources):
    return config(SETTINGS, {"zero_stage": 0, "offload": "none", **resources}, dtype, 1000)


def test_every_setting_reaches_deepspeed():
    """Clipping, accumulation, stage and offload arrive under DeepSpeed's names."""
    plain = made(zero_stage=2, offload="optimizer")
    assert plain["gradient_clipping"] == 0.5
    assert plain["zero_optimization"]["stage"] == 2
    assert plain["zero_optimization"]["offload_optimizer"] == {"device": "cpu"}
    assert "offload_param" not in plain["zero_optimization"]
    assert made(zero_stage=3, offload="all")["zero_optimization"]["offload_param"] == {"device": "cpu"}


def test_buckets_follow_the_model():
    """ZeRO's buckets are no larger than the model: its default would take 2 GB for a tiny one."""
    assert made(zero_stage=1)["zero_optimization"]["reduce_bucket_size"] == 1000


def test_bf16_is_autocast_at_every_stage():
    """bf16 never means DeepSpeed's own bf16 engine, whose stage 0 takes a phantom step."""
    for stage in (0, 1, 2, 3):
        conf = made("bf16", zero_stage=stage)
        assert conf["torch_autocast"] == {"enabled": True, "dtype": "bfloat16", "lower_precision_safe_modules": []}
        assert "bf16" not in conf
    assert "torch_autocast" not in made()


def test_bf16_sends_nothing_in_bfloat16():
    """DeepSpeed's own list of modules would have it gather a tied embedding rounded, and gradients besides."""
    from deepspeed.runtime import config as theirs
    from deepspeed.runtime.torch_autocast import PARAM_COMM_DTYPE_ATTR_NAME, init_autocast_params

    modules = theirs.get_lower_precision_safe_modules(made("bf16", zero_stage=3))
    layer = nn.Linear(3, 2)
    engine = SimpleNamespace(module=layer, zero_quantized_weights=lambda: False)
    init_autocast_params(engine, torch.bfloat16, modules)
    assert not hasattr(layer.weight, PARAM_COMM_DTYPE_ATTR_NAME)
    init_autocast_params(engine, torch.bfloat16, None)
    assert hasattr(layer.weight, PARAM_COMM_DTYPE_ATTR_NAME)  # so it would be


def test_norms_and_biases_do_not_decay():
    """Weight decay is for matrices alone; learning rate and betas are the spec's."""
    groups = optimizer(nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)), SETTINGS).param_groups
    assert [(len(group["params"]), group["weight_decay"]) for group in groups] == [(1, 0.3), (3, 0.0)]
    assert all(group["betas"] == (0.8, 0.9) and group["lr"] == 0.1 for group in groups)


def test_the_fused_optimizer_is_as_a_plain_loop():
    """The fused optimizer takes the steps of a plain loop, to float32's rounding."""
    layers = [nn.Linear(3, 2) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    ours = optimizer(layers[0], SETTINGS)
    groups = [{"params": list(group), "weight_decay": decay} for group, decay in _groups(layers[1])]
    plain = torch.optim.AdamW(groups, lr=0.1, betas=(0.8, 0.9), foreach=False)
    for step in range(3):
        for layer, taken in zip(layers, (ours, plain), strict=True):
            for weight in layer.parameters():
                weight.grad = torch.full_like(weight, 0.1 * (step + 1))
            taken.step()
    for one, other in zip(*(layer.parameters() for layer in layers), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


def _groups(layer):
    return [([layer.weight], 0.3), ([layer.bias], 0.0)]
