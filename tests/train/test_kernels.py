"""RMSNorm and rotary positions: the formulas' values and gradients, and autocast's types."""

import pytest

torch = pytest.importorskip("torch")

from transformers import GemmaConfig, GemmaForCausalLM, LlamaConfig, LlamaForCausalLM  # noqa: E402

from drdoctl.train.kernels import rotate, use_kernels  # noqa: E402


@pytest.fixture
def model():
    torch.manual_seed(0)
    shape = {"vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    made = LlamaForCausalLM(LlamaConfig(**shape, intermediate_size=48))
    for layer in made.model.layers:
        torch.nn.init.normal_(layer.input_layernorm.weight)
    return made


@pytest.fixture
def gemma():
    torch.manual_seed(0)
    shape = {"vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 8}
    made = GemmaForCausalLM(GemmaConfig(**shape, num_key_value_heads=1, intermediate_size=48))
    for norm in (made.model.layers[0].input_layernorm, made.model.norm):
        torch.nn.init.normal_(norm.weight)
    return made


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def test_norm_has_the_formulas_gradient(model):
    """The norm's gradients by states and weight are those of finite differences."""
    use_kernels(model)
    norm = model.model.layers[0].input_layernorm.double()
    assert torch.autograd.gradcheck(norm, double(2, 3, 32))
    states = double(2, 3, 32).detach()

    def by_weight(weight):
        return torch.func.functional_call(norm, {"weight": weight}, states)

    assert torch.autograd.gradcheck(by_weight, double(32))


def test_norm_is_the_stock_one(model):
    """In float32 the norm gives what transformers' own gives."""
    states = torch.randn(1, 5, 32)
    want = [norm(states) for norm in (model.model.layers[0].input_layernorm, model.model.norm)]
    use_kernels(model)
    got = [norm(states) for norm in (model.model.layers[0].input_layernorm, model.model.norm)]
    torch.testing.assert_close(got, want, rtol=2e-6, atol=1e-6)


def test_gemmas_norm_keeps_its_weight_less_one(gemma):
    """Gemma's norms are the stock ones in float32, with the gradients of finite differences."""
    states = torch.randn(1, 5, 32)
    norms = gemma.model.layers[0].input_layernorm, gemma.model.norm
    want = [norm(states) for norm in norms]
    use_kernels(gemma)
    assert all("forward" in vars(norm) for norm in norms)
    torch.testing.assert_close([norm(states) for norm in norms], want, rtol=2e-6, atol=1e-6)
    norm, states = norms[0].double(), double(2, 3, 32)
    assert torch.autograd.gradcheck(norm, states)

    def by_weight(weight):
        return torch.func.functional_call(norm, {"weight": weight}, states.detach())

    assert torch.autograd.gradcheck(by_weight, double(32))


def test_autocast_narrows_inside_the_layers_alone(model):
    """Under autocast the layers' norms give the narrow type once for all readers; the last norm stays float32."""
    use_kernels(model)
    states = torch.randn(1, 5, 32, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inner, last = model.model.layers[0].input_layernorm(states), model.model.norm(states)
    assert (inner.dtype, last.dtype) == (torch.bfloat16, torch.float32)
    inner.sum().backward()
    assert states.grad.dtype == torch.float32


def test_half_states_keep_the_stock_norm(model):
    """States that are bfloat16 themselves go through transformers' own norm."""
    model = model.to(torch.bfloat16)
    states = torch.randn(1, 5, 32, dtype=torch.bfloat16)
    want = model.model.norm(states)
    use_kernels(model)
    torch.testing.assert_close(model.model.norm(states), want, rtol=0, atol=0)


def test_rotation_has_the_formulas_values_and_gradient():
    """Queries and keys are turned by [a cos - b sin, b cos + a sin], and so are their gradients."""
    q, k, cos, sin = double(1, 2, 3, 8), double(1, 1, 3, 8), double(1, 3, 8).detach(), double(1, 3, 8).detach()

    def formula(x):
        a, b = x[..., :4], x[..., 4:]
        return x * cos[:, None] + torch.cat((-b, a), dim=-1) * sin[:, None]

    turned = rotate(q, k, cos, sin)
    torch.testing.assert_close(turned, (formula(q), formula(k)))
    assert torch.autograd.gradcheck(lambda q, k: rotate(q, k, cos, sin), (q, k))


def test_rotation_keeps_the_gradients_type():
    """Narrow queries get a narrow gradient from wide cosines."""
    q = torch.randn(1, 2, 3, 8, dtype=torch.bfloat16, requires_grad=True)
    rotate(q, q, torch.randn(1, 3, 8), torch.randn(1, 3, 8))[0].sum().backward()
    assert q.grad.dtype == torch.bfloat16
