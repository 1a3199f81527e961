"""Tree attention by flash kernels: the plain masked softmax, its gradients, and what it refuses to mix up."""

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from drdoctl.train.flash import parts, tree_softmax  # noqa: E402
from drdoctl.train.segments import by_segment  # noqa: E402

TREES = st.lists(
    st.tuples(st.integers(1, 40), st.lists(st.integers(1, 40), max_size=4).map(tuple)), min_size=1, max_size=4
).map(tuple)


def visible(trees):
    """Return which token sees which: its prompt and its own response up to itself. Shape (T, T)."""
    tokens = sum(prompt + sum(responses) for prompt, responses in trees)
    seen = torch.zeros(tokens, tokens, dtype=torch.bool)
    at = 0
    for prompt, responses in trees:
        seen[at : at + prompt, at : at + prompt] = True
        end = at + prompt
        for length in responses:
            seen[end : end + length, at : at + prompt] = True
            seen[end : end + length, end : end + length] = True
            end += length
        at = end
    return seen.tril()


def values(trees, dtype):
    """Return queries, keys and values, laid out as projections leave them, and a gradient."""
    tokens = sum(prompt + sum(responses) for prompt, responses in trees)
    stream = torch.Generator().manual_seed(0)
    made = [torch.randn(1, tokens, 2, 8, dtype=dtype, generator=stream).transpose(1, 2) for _ in range(4)]
    return [tensor.requires_grad_() for tensor in made[:3]], made[3]


@settings(deadline=None, max_examples=40)
@given(trees=TREES)
def test_attention_is_the_masked_softmax(trees):
    """Result and gradients are those of one dense softmax under the trees' mask, and of attention by segment."""
    (query, key, value), grad = values(trees, torch.float64)
    scores = (query @ key.transpose(2, 3) * 0.3).masked_fill(~visible(trees), -torch.inf)
    plain = scores.softmax(-1) @ value
    out = tree_softmax(query, key, value, trees, 0.3)
    torch.testing.assert_close(out, plain, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(by_segment(query, key, value, trees, 0.3), plain, rtol=1e-11, atol=1e-12)
    wanted = torch.autograd.grad(plain, (query, key, value), grad)
    found = torch.autograd.grad(out, (query, key, value), grad)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-11)


@settings(deadline=None, max_examples=40)
@given(trees=TREES, shared=st.integers(1, 3), kv_heads=st.integers(1, 3))
def test_heads_share_keys_and_values(trees, shared, kv_heads):
    """Grouped queries have the result and gradients of keys and values copied for each head, and keep no copy."""
    tokens, stream = sum(prompt + sum(responses) for prompt, responses in trees), torch.Generator().manual_seed(0)
    query, key, value, grad = (
        torch.randn(1, tokens, heads, 8, dtype=torch.float64, generator=stream).transpose(1, 2).requires_grad_()
        for heads in (shared * kv_heads, kv_heads, kv_heads, shared * kv_heads)
    )
    copied = [tensor.repeat_interleave(shared, dim=1) for tensor in (key, value)]
    wanted, out = tree_softmax(query, *copied, trees, 0.3), tree_softmax(query, key, value, trees, 0.3)
    torch.testing.assert_close(out, wanted, rtol=1e-11, atol=1e-12)
    assert [tensor.shape[1] for tensor in out.grad_fn.saved_tensors] == [shared * kv_heads, kv_heads, kv_heads] + [
        shared * kv_heads
    ] * 2
    gradients = [torch.autograd.grad(result, (query, key, value), grad) for result in (out, wanted)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-11)


@settings(deadline=None, max_examples=60)
@given(trees=TREES, share=st.floats(0, 1), least=st.integers(0, 1))
def test_queries_of_last_tokens_alone(trees, share, least):
    """Fewer queries have the same results, and the gradients of a loss that reads no others."""
    (query, key, value), grad = values(trees, torch.float64)
    stretches = [(prompt + sum(responses[:1]), *responses[1:]) for prompt, responses in trees]
    ends = tuple(tuple(max(least, round(share * length)) for length in tree) for tree in stretches)
    at, rows = 0, []
    for length, count in zip(sum(stretches, ()), sum(ends, ()), strict=True):
        at += length
        rows += range(at - count, at)
    whole, some = tree_softmax(query, key, value, trees, 0.3)[:, :, rows], query[:, :, rows]
    out = tree_softmax(some, key, value, trees, 0.3, ends)
    torch.testing.assert_close(out, whole, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(by_segment(some, key, value, trees, 0.3, ends), whole, rtol=1e-11, atol=1e-12)
    wanted = torch.autograd.grad(whole, (query, key, value), grad[:, :, rows])
    found = torch.autograd.grad(out, (query, key, value), grad[:, :, rows])
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-11)


def test_long_responses_agree_in_float32():
    """Beyond one block of the kernels, joined parts differ from the masked softmax by rounding alone."""
    trees = ((300, (700, 900, 20)), (1, (600,)))
    (query, key, value), _ = values(trees, torch.float32)
    scores = (query @ key.transpose(2, 3) * 0.3).masked_fill(~visible(trees), -torch.inf)
    out = tree_softmax(query, key, value, trees, 0.3)
    torch.testing.assert_close(out, scores.softmax(-1) @ value, rtol=1e-5, atol=1e-5)


def test_calls_cover_the_row_once():
    """The stretches of queries follow each other; a further response has its own keys and its prompt's."""
    calls = list(parts(((3, (2, 4)), (5, ()))))
    assert calls == [
        [(slice(0, 5), slice(0, 5), True)],
        [(slice(5, 9), slice(5, 9), True), (slice(5, 9), slice(0, 3), False)],
        [(slice(9, 14), slice(9, 14), True)],
    ]
    calls = list(parts(((3, (2, 4)), (5, (1, 1))), ((3, 4), (1, 1))))
    assert calls == [
        [(slice(0, 3), slice(2, 5), True), (slice(0, 3), slice(0, 2), False)],
        [(slice(3, 7), slice(5, 9), True), (slice(3, 7), slice(0, 3), False)],
        [(slice(7, 8), slice(9, 15), False)],
        [(slice(8, 9), slice(15, 16), True), (slice(8, 9), slice(9, 14), False)],
    ]
