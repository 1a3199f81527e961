"""The flat row against the plain padded computation, for every supported shape of model."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from drdoctl.train import forward  # noqa: E402
from drdoctl.train.batches import collate  # noqa: E402
from drdoctl.train.models import Policy, new_head, new_lm  # noqa: E402

FIELDS = {"hidden_size": 32, "layers": 2, "heads": 4, "mlp_size": None, "activation": "gelu", "max_positions": 64}
FIELDS |= {"rope_theta": 1000.0, "tied": True, "init_std": 0.2}
SPECIAL = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}
ARCHITECTURES = ("llama", "opt", "phi3", "qwen2", "gpt_neox")
ITEMS = [
    ([3, 4, 5], ([6, 7, 1], [8, 1])),
    ([9, 10], ([11, 12, 13, 1], [14, 15, 1])),
    ([20], ([1],)),
    ([21, 22, 23, 24], ([25, 1],)),
]


def policy(kind: str, *, double: bool = False) -> Policy:
    lm = new_lm({**FIELDS, "model_type": kind}, 0, 50, SPECIAL)
    made = Policy(lm, new_head(lm.config, 0))
    return made.double() if double else made


def padded(model: Policy, items) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities and rewards the plain way: one right-padded batch, full logits, eager attention."""
    texts = [(prompt, response) for prompt, responses in items for response in responses]
    width = max(len(prompt) + len(response) for prompt, response in texts)
    ids = torch.zeros(len(texts), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, (prompt, response) in enumerate(texts):
        joined = torch.tensor([*prompt, *response])
        ids[row, : len(joined)], mask[row, : len(joined)] = joined, 1
    model.lm.set_attn_implementation("eager")
    hidden = model.lm.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
    logits = model.lm.get_output_embeddings()(hidden)
    model.lm.set_attn_implementation("drdoctl_trees")
    logp = logits.log_softmax(-1)
    sums, rewards = [], []
    for row, (prompt, response) in enumerate(texts):
        places = torch.arange(len(prompt) - 1, len(prompt) + len(response) - 1)
        sums.append(logp[row, places, torch.tensor(response)].double().sum())
        rewards.append(model.head(hidden[row, len(prompt) + len(response) - 1]).squeeze())
    return torch.stack(sums), torch.stack(rewards)


def gradient(model: Policy, value: torch.Tensor) -> torch.Tensor:
    model.zero_grad()
    value.backward()
    return torch.cat([w.grad.flatten() for w in model.parameters() if w.grad is not None])


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_flat_row_equals_padded_batch(kind):
    """Log-probabilities, rewards and gradients of the flat row are those of the padded batch, to float32 rounding."""
    model = policy(kind)
    flat = model(collate(ITEMS))
    logp, reward = padded(model, ITEMS)
    torch.testing.assert_close(flat.logp, logp, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(flat.reward, reward, rtol=1e-5, atol=1e-6)
    weights = torch.arange(1, len(logp) + 1).double()
    ours = gradient(model, (flat.logp * weights).sum() + flat.reward.sum())
    logp, reward = padded(model, ITEMS)
    plain = gradient(model, (logp * weights).sum() + reward.sum())
    assert (ours - plain).norm() / plain.norm() < 2e-6


@pytest.mark.parametrize("kind", ["opt", "gpt_neox"])
def test_flat_row_equals_padded_batch_in_float64(kind):
    """In float64 hidden states agree to 1e-6 (rotary angles stay float32), whatever lies around them."""
    model = policy(kind, double=True)
    batch = collate(ITEMS)
    flat = model.lm.base_model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        use_cache=False,
        trees=batch.trees,
    ).last_hidden_state[0]
    model.lm.set_attn_implementation("eager")
    alone = model.lm.base_model(input_ids=torch.tensor([[3, 4, 5, 8, 1]])).last_hidden_state[0]
    torch.testing.assert_close(flat[6:8], alone[3:5], rtol=1e-6, atol=1e-6)


def test_chunked_head_equals_whole(monkeypatch):
    """Cutting the LM head into recomputed chunks changes neither values nor gradients beyond rounding."""
    model = policy("llama")
    whole = model(collate(ITEMS)).logp
    gradient_whole = gradient(model, whole.sum())
    monkeypatch.setattr(forward, "LOGITS_AT_ONCE", 150)
    chunked = model(collate(ITEMS)).logp
    torch.testing.assert_close(chunked, whole, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(gradient(model, chunked.sum()), gradient_whole, rtol=1e-4, atol=1e-6)


def test_a_response_scores_the_same_alone_and_in_company():
    """What else lies in the row does not change a reward or a log-probability."""
    model = policy("llama")
    company = model(collate(ITEMS))
    alone = model(collate([([9, 10], ([14, 15, 1],))]))
    assert alone.reward.item() == pytest.approx(company.reward[3].item(), rel=1e-5)
    assert alone.logp.item() == pytest.approx(company.logp[3].item(), rel=1e-6)


def test_detached_trunk_gets_no_gradient_from_the_head():
    """With `detach_trunk` the reward's gradient stops at the head."""
    model = policy("llama")
    model.detach_trunk = True
    model(collate(ITEMS), logp=False).reward.sum().backward()
    assert model.head.weight.grad is not None
    assert all(weight.grad is None for weight in model.lm.parameters())


def test_empty_parts_are_refused():
    """A prompt or response without tokens cannot be laid out."""
    with pytest.raises(ValueError, match="without tokens"):
        collate([([3], ([],))])
    with pytest.raises(ValueError, match="without tokens"):
        collate([([], ([3],))])


def test_positions_restart_for_every_response():
    """Each response counts on from its prompt's end, wherever it lies in the row."""
    batch = collate([([5, 6, 7], ([8, 9], [10, 1]))])
    np.testing.assert_array_equal(batch.position_ids[0], [0, 1, 2, 3, 4, 3, 4])
    np.testing.assert_array_equal(batch.predict_at, [2, 3, 2, 5])
    np.testing.assert_array_equal(batch.last_at, [4, 6])
