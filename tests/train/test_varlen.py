"""Tree attention in two calls over variable lengths, with plain matrix products in the place of a GPU's kernels."""

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from drdoctl.train import varlen  # noqa: E402
from drdoctl.train.flash import tree_softmax  # noqa: E402

TREES = st.lists(
    st.tuples(st.integers(1, 20), st.lists(st.integers(1, 20), max_size=4).map(tuple)), min_size=1, max_size=4
).map(tuple)


def _weights(query, key, call, scale, total=None):
    """Return the scores' exponentials under a call's mask, (H, Q, K), and their log-sum-exps if they are not given."""
    shared = query.shape[1] // key.shape[1]
    scores = torch.einsum("qhd,khd->hqk", query, key.repeat_interleave(shared, dim=1)) * scale
    of_row, of_key = (
        torch.bucketize(torch.arange(int(starts[-1])), starts[1:], right=True)
        for starts in (call.rows.starts, call.keys.starts)
    )
    seen = of_row[:, None] == of_key
    if call.causal:
        places = [
            torch.arange(len(of)) - starts[of]
            for of, starts in ((of_row, call.rows.starts), (of_key, call.keys.starts))
        ]
        seen = seen & (places[0][:, None] >= places[1])
    scores = scores.masked_fill(~seen, -torch.inf)
    total = scores.logsumexp(-1) if total is None else total
    return (scores - total[..., None]).exp(), total


def _widened(*tensors):
    """Return tensors in float32 at least, in which the kernels sum."""
    return [tensor.to(torch.promote_types(tensor.dtype, torch.float32)) for tensor in tensors]


def plain_forward(query, key, value, call, scale):
    """Stand in for the forward kernel."""
    kind, (query, key, value) = query.dtype, _widened(query, key, value)
    weights, total = _weights(query, key, call, scale)
    shared = query.shape[1] // key.shape[1]
    return torch.einsum("hqk,khd->qhd", weights, value.repeat_interleave(shared, dim=1)).to(kind), total


def plain_backward(grad, query, key, value, out, total, call, scale):
    """Stand in for the backward kernel: a flash backward pass, which trusts the result and the log-sum-exps."""
    kind, (grad, query, key, value, out) = query.dtype, _widened(grad, query, key, value, out)
    shared = query.shape[1] // key.shape[1]
    weights, _ = _weights(query, key, call, scale, total)
    wide_key, wide_value = (side.repeat_interleave(shared, dim=1) for side in (key, value))
    of_weights = torch.einsum("qhd,khd->hqk", grad, wide_value)
    of_scores = weights * (of_weights - (grad * out).sum(-1).T[..., None]) * scale
    sides = (torch.einsum("hqk,qhd->khd", part, rows) for part, rows in ((of_scores, query), (weights, grad)))
    of_key, of_value = (side.unflatten(1, (-1, shared)).sum(2) for side in sides)
    return torch.einsum("hqk,khd->qhd", of_scores, wide_key).to(kind), of_key.to(kind), of_value.to(kind)


@pytest.fixture
def plain(monkeypatch):
    """Both kernels as matrix products, and no memory of earlier trials."""
    monkeypatch.setattr(varlen, "forward", plain_forward)
    monkeypatch.setattr(varlen, "backward", plain_backward)
    varlen.trusted.cache_clear()
    yield
    varlen.trusted.cache_clear()


def _rows(trees, shared, kv_heads, width=6):
    tokens, stream = sum(prompt + sum(responses) for prompt, responses in trees), torch.Generator().manual_seed(0)
    return [
        torch.randn(1, tokens, heads, width, dtype=torch.float64, generator=stream).transpose(1, 2).requires_grad_()
        for heads in (shared * kv_heads, kv_heads, kv_heads, shared * kv_heads)
    ]


@pytest.mark.usefixtures("plain")
def test_two_calls_are_tree_attention():
    """Result and gradients are those of the CPU's kernels, for any trees, shared heads and head widths."""

    @settings(deadline=None, max_examples=40)
    @given(trees=TREES, shared=st.integers(1, 3), kv_heads=st.integers(1, 2), width=st.integers(5, 9))
    def holds(trees, shared, kv_heads, width):
        *sides, grad = _rows(trees, shared, kv_heads, width)
        found, wanted = (attend(*sides, trees, 0.3) for attend in (varlen.tree_varlen, tree_softmax))
        torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-12)
        gradients = [torch.autograd.grad(out, sides, grad) for out in (found, wanted)]
        torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-10)

    holds()


@pytest.mark.usefixtures("plain")
def test_queries_of_last_tokens_alone():
    """Fewer queries have the results and gradients that the CPU's kernels give them."""

    @settings(deadline=None, max_examples=40)
    @given(trees=TREES, share=st.floats(0, 1))
    def holds(trees, share):
        query, key, value, grad = _rows(trees, 2, 1)
        stretches = [(prompt + sum(responses[:1]), *responses[1:]) for prompt, responses in trees]
        ends = tuple(tuple(max(1, round(share * length)) for length in tree) for tree in stretches)
        count = sum(map(sum, ends))
        some, grad = query[:, :, :count].detach().requires_grad_(), grad[:, :, :count]
        sides = (some, key, value)
        found, wanted = (attend(*sides, trees, 0.3, ends) for attend in (varlen.tree_varlen, tree_softmax))
        torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-12)
        gradients = [torch.autograd.grad(out, sides, grad) for out in (found, wanted)]
        torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-10)

    holds()


def test_a_row_of_many_trees_is_two_calls():
    """The number of calls does not grow with the trees; one where no token has keys beyond its own stretch."""
    device = torch.device("cpu")
    assert [call.causal for call in varlen.calls(((3, (2, 4)),) * 9, None, device)] == [True, False]
    assert [call.causal for call in varlen.calls(((3, (2,)),) * 9, None, device)] == [True]
    first, second = varlen.calls(((3, (2, 4)), (5, (1, 2))), None, device)
    assert first.rows.starts.tolist() == first.keys.starts.tolist() == [0, 5, 9, 15, 17]
    assert (second.rows.places.tolist(), second.keys.places.tolist()) == (
        [5, 6, 7, 8, 15, 16],
        [0, 1, 2, 9, 10, 11, 12, 13],
    )
    assert (second.rows.most, second.keys.most) == (4, 5)


@pytest.mark.usefixtures("plain")
def test_right_kernels_are_trusted():
    """Kernels that give the right result and gradients in bfloat16 pass the trial, also under hooks and autocast."""
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda _: pytest.fail("saved here"), lambda _: None)
    with hooks, torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        assert varlen.trusted(torch.device("cpu"), torch.bfloat16, 12, 3)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("side", ["forward", "backward"])
def test_wrong_kernels_are_not_trusted(monkeypatch, side):
    """A kernel that is a little off, in either direction, is named in a warning and not used."""
    right = getattr(varlen, side)
    monkeypatch.setattr(varlen, side, lambda *given: tuple(part * 1.05 for part in right(*given)))
    with pytest.warns(UserWarning, match="away from the plain computation"):
        assert not varlen.trusted(torch.device("cpu"), torch.bfloat16, 12, 2)


def test_missing_kernels_are_not_trusted():
    """Where torch has no such kernels, the warning says so; here a CPU has none."""
    varlen.trusted.cache_clear()
    with pytest.warns(UserWarning, match=r"not used on cpu: \w+"):
        assert not varlen.trusted(torch.device("cpu"), torch.bfloat16, 16, 1)
    query = torch.zeros(1, 2, 3, 8, dtype=torch.bfloat16)
    assert not varlen.fits(query, query)


def test_torch_takes_what_is_given():
    """The kernels' own signatures have the arguments in the order in which they are given."""
    names = {
        name: [argument.name for argument in getattr(torch.ops.aten, name).default._schema.arguments]
        for name in ("_flash_attention_forward", "_flash_attention_backward")
    }
    shared = ["cum_seq_q", "cum_seq_k", "max_q", "max_k", "dropout_p", "is_causal"]
    assert names["_flash_attention_forward"][:10] == ["query", "key", "value", *shared, "return_debug_mask"]
    assert names["_flash_attention_backward"][:14] == [
        *["grad_out", "query", "key", "value", "out", "logsumexp"],
        *shared,
        *["rng_state", "unused"],
    ]
