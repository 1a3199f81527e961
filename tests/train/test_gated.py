"""Gated MLPs: transformers' values and gradients, with half of what autograd would keep."""

import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModelForCausalLM  # noqa: E402
from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # noqa: E402

from drdoctl.core.architectures import GATED  # noqa: E402
from drdoctl.train.gated import use_gated  # noqa: E402

SHAPE = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "pad_token_id": 0,
}


def mlp_of(model_type, **more):
    """The MLP of the first layer of a tiny model."""
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(CONFIG_MAPPING[model_type](**SHAPE, **more)).model.layers[0].mlp


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def kept(mlp, x):
    """Bytes that autograd keeps of a pass, each storage once, weights and input not counted."""
    known = {x.untyped_storage().data_ptr()} | {w.untyped_storage().data_ptr() for w in mlp.parameters()}
    found = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            found[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = mlp(x)
    assert out.requires_grad
    return sum(size for size, _ in found.values())


def run(mlp, x):
    """Value, and the gradients by states and weights, of a pass."""
    x = x.detach().requires_grad_()
    mlp.zero_grad()
    out = mlp(x)
    out.square().sum().backward()
    return [out.detach(), x.grad, *(weight.grad for weight in mlp.parameters())]


@pytest.mark.parametrize("activation", ["silu", "gelu", "gelu_pytorch_tanh", "relu"])
@pytest.mark.parametrize("model_type", GATED)
def test_is_the_stock_one(model_type, activation):
    """In float64 values and gradients are those of transformers' own form."""
    mlp, x = mlp_of(model_type, hidden_act=activation).double(), double(2, 5, 32)
    want = run(mlp, x)
    use_gated(mlp)
    assert "forward" in vars(mlp)
    torch.testing.assert_close(run(mlp, x), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("model_type", GATED)
def test_keeps_half(model_type):
    """Two widths of a token are kept in place of four."""
    mlp, x = mlp_of(model_type), torch.randn(1, 7, 32, requires_grad=True)
    whole = kept(mlp, x)
    use_gated(mlp)
    assert kept(mlp, x) == 2 * 7 * 48 * 4 == whole // 2


def test_has_the_formulas_gradient():
    """The gradients by states and weights are those of finite differences."""
    mlp = mlp_of("llama").double()
    use_gated(mlp)
    torch.manual_seed(1)
    assert torch.autograd.gradcheck(mlp, double(2, 3, 32))

    def by_weight(weight):
        return torch.func.functional_call(mlp, {"down_proj.weight": weight}, states)

    states = double(1, 2, 32).detach()
    assert torch.autograd.gradcheck(by_weight, double(32, 48))


def test_under_autocast():
    """In bfloat16 values are the stock ones, gradients too to the type's precision, and wide where the weights are."""
    mlp, x = mlp_of("llama"), torch.randn(1, 6, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        want = run(mlp, x)
        use_gated(mlp)
        got = run(mlp, x)
    torch.testing.assert_close(got[0], want[0], rtol=0, atol=0)
    torch.testing.assert_close(got, want, rtol=2e-2, atol=2e-2)
    assert {grad.dtype for grad in got[1:]} == {torch.float32}


def test_a_frozen_matrix_gets_no_gradient():
    """Under an adapter that leaves the last matrix frozen, states have their gradient all the same."""
    mlp, x = mlp_of("llama"), torch.randn(1, 6, 32)
    mlp.down_proj.weight.requires_grad_(False)
    want = run(mlp, x)
    use_gated(mlp)
    got = run(mlp, x)
    torch.testing.assert_close(got[1:3], want[1:3])
    assert mlp.down_proj.weight.grad is None


def test_an_adapter_is_asked():
    """What wraps the last matrix afterwards takes part in the pass."""
    peft = pytest.importorskip("peft")
    mlp, x = mlp_of("llama"), torch.randn(1, 6, 32)
    use_gated(mlp)
    made = peft.inject_adapter_in_model(
        peft.LoraConfig(target_modules=["down_proj"], r=2, init_lora_weights=False), mlp
    )
    want = made.down_proj(made.act_fn(made.gate_proj(x)) * made.up_proj(x))
    torch.testing.assert_close(made(x), want, rtol=0, atol=0)
    assert not torch.equal(want, made.down_proj.base_layer(made.act_fn(made.gate_proj(x)) * made.up_proj(x)))


@pytest.mark.parametrize("more", [{"hidden_act": "tanh"}, {"mlp_bias": True}])
def test_other_forms_stay(more):
    """Another activation, or a bias, is left to transformers."""
    mlp = mlp_of("llama", **more)
    use_gated(mlp)
    assert "forward" not in vars(mlp)
    assert "forward" not in vars(mlp.down_proj)


def test_hooks_on_the_last_matrix_are_called():
    """What hangs on the module, as ZeRO-3's gathering of weights does, sees its call."""
    mlp, seen = mlp_of("llama"), []
    use_gated(mlp)
    mlp.down_proj.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs)))
    mlp(torch.randn(1, 6, 32))
    assert seen == [2]
