"""Sampling: greedy as transformers does it, top-p as the mathematics has it, rows independent of their batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.train import sample as module
from drdoctl.train.sample import batch_rows, pick, row_seed, sample, uniforms

SMALL = {"vocab_size": 61, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
CONFIGS = {
    "llama": {"intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 64},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, "max_position_embeddings": 64},
    "phi3": {"intermediate_size": 48, "num_key_value_heads": 4, "max_position_embeddings": 64, "sliding_window": 9},
    "qwen2": {"intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 64},
    "gpt_neox": {"intermediate_size": 48, "max_position_embeddings": 64},
}
STORIES = Path(__file__).parents[2] / ".." / "shared" / "models" / "stories260k"


def tiny(kind: str) -> torch.nn.Module:
    """Return a random two-layer model of one architecture, always the same."""
    torch.manual_seed(3)
    config = transformers.AutoConfig.for_model(kind, **SMALL, **TOKENS, initializer_range=0.5, **CONFIGS[kind])
    return transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()


def some_prompts(count: int, vocabulary: int, seed: int = 0) -> list[list[int]]:
    """Return prompts of 1 to 14 tokens."""
    draw = np.random.default_rng(seed)
    return [draw.integers(3, vocabulary, size=n).tolist() for n in draw.integers(1, 15, size=count)]


def generated(model, prompt: list[int], new: int) -> list[int]:
    """Return transformers' own greedy continuation."""
    options = {"do_sample": False, "max_new_tokens": new, "eos_token_id": 2, "pad_token_id": 0}
    out = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), **options)
    return out[0, len(prompt) :].tolist()


@pytest.mark.parametrize("kind", CONFIGS)
def test_greedy_is_generate(kind):
    """Temperature 0 gives transformers' own greedy tokens, whatever the padding, for every architecture."""
    model, prompts = tiny(kind), some_prompts(9, 61)
    ours = sample(
        model, prompts, temperature=0, top_p=1, max_new_tokens=12, eos_ids=[2], seeds=range(9), pad_id=0
    )  # fmt: skip
    for prompt, response in zip(prompts, ours, strict=True):
        assert response.ids == generated(model, prompt, 12)
        assert response.ended == (response.ids[-1] == 2)


@pytest.mark.parametrize("kind", CONFIGS)
def test_greedy_under_autocast(kind):
    """In bfloat16 under autocast, where keys and values may differ in type, a row is still transformers' own."""
    model, prompts = tiny(kind), some_prompts(3, 61, seed=2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for prompt in prompts:
            ours = sample(
                model, [prompt], temperature=0, top_p=1, max_new_tokens=8, eos_ids=[2], seeds=[0], pad_id=0
            )  # fmt: skip
            assert ours[0].ids == generated(model, prompt, 8)


@pytest.mark.shared
@pytest.mark.skipif(not STORIES.is_dir(), reason="no stories260k beside the checkout")
def test_greedy_stories():
    """A trained model's greedy stories are transformers' own, token for token, with rows that end early."""
    model = transformers.AutoModelForCausalLM.from_pretrained(STORIES, attn_implementation="sdpa").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(STORIES)
    prompts = [
        tokenizer(text)["input_ids"] for text in ("Once upon a time", "Tom had a red ball. He", "The", "Lily said: no")
    ]
    # a comma ends a row here, so that some leave the batch early
    end = tokenizer.convert_tokens_to_ids(",")
    ours = sample(
        model, prompts, temperature=0, top_p=1, max_new_tokens=40, eos_ids=[2, end], seeds=range(4), pad_id=0
    )  # fmt: skip
    assert len({len(response.ids) for response in ours}) > 1
    for prompt, response in zip(prompts, ours, strict=True):
        out = model.generate(
            torch.tensor([prompt]), do_sample=False, max_new_tokens=40, eos_token_id=[2, end], pad_token_id=0
        )  # fmt: skip
        assert response.ids == out[0, len(prompt) :].tolist()


def test_rows_do_not_know_their_batch(monkeypatch):
    """A row's sampled response is the same alone, in one large batch, and in batches cut elsewhere."""
    model, prompts = tiny("llama"), some_prompts(23, 61, seed=5)
    seeds = [row_seed(7, str(i), "t1") for i in range(23)]
    options = {"temperature": 0.9, "top_p": 0.8, "max_new_tokens": 14, "eos_ids": [2, 5, 9], "pad_id": 0}
    whole = sample(model, prompts, seeds=seeds, **options)
    monkeypatch.setattr(module, "CPU_ROWS", 4)
    assert sample(model, prompts, seeds=seeds, **options) == whole
    alone = [sample(model, [prompt], seeds=[seed], **options)[0] for prompt, seed in zip(prompts, seeds, strict=True)]
    assert alone == whole
    assert any(response.ended for response in whole)
    assert any(not response.ended for response in whole)


def test_stops_between_tokens():
    """`between` is called once a step and an error in it ends the sampling."""
    calls = []

    def between() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sample(
            tiny("llama"), [[4, 5]], temperature=0, top_p=1, max_new_tokens=9, eos_ids=[], seeds=[1], pad_id=0,
            between=between,
        )  # fmt: skip
    assert len(calls) == 3


def test_empty_prompt_refused():
    """A prompt without tokens is an error, not a silent sample from padding."""
    with pytest.raises(ValueError, match="without tokens"):
        sample(tiny("llama"), [[]], temperature=0, top_p=1, max_new_tokens=2, eos_ids=[2], seeds=[1], pad_id=0)


@pytest.mark.parametrize("tops", [(2, 3), (64, 1024)])
@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 0.8), (0.7, 0.8), (1.0, 1.0), (2.0, 0.5)])
def test_top_p_distribution(temperature, top_p, tops, monkeypatch):
    """Draws follow the renormalised nucleus (chi-square, p > 1e-4), also when the first look is too narrow for it."""
    monkeypatch.setattr(module, "TOPS", tops)
    count = 40_000
    p = np.array([0.02, 0.3, 0.05, 0.2, 0.15, 0.08, 0.12, 0.08])
    logits = torch.tensor(np.log(p), dtype=torch.float32).expand(count, -1)
    draws = torch.from_numpy(uniforms([row_seed(1, str(i), "x") for i in range(count)], 1)[:, 0])
    tokens = pick(logits, temperature, top_p, draws).numpy()
    hot = p ** (1 / temperature)
    hot /= hot.sum()
    order = np.argsort(-hot, kind="stable")
    kept = order[: int((np.cumsum(hot[order]) - hot[order] < top_p).sum())]
    want = hot[kept] / hot[kept].sum() * count
    seen = np.bincount(tokens, minlength=8)
    assert seen[kept].sum() == count
    chi = ((seen[kept] - want) ** 2 / want).sum()
    bound = {1: 15.1, 2: 18.4, 3: 21.1, 4: 23.5, 5: 25.7, 6: 27.9, 7: 29.9}[len(kept) - 1]
    assert chi < bound


@given(
    st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=40),
    st.floats(0.01, 1),
    st.floats(0, 1, exclude_max=True),
)
@settings(deadline=None, max_examples=60)
def test_pick_stays_in_the_nucleus(logits, top_p, draw):
    """Whatever the logits, the token drawn belongs to the smallest set of likely tokens with mass top-p."""
    values = torch.tensor([logits])
    token = int(pick(values, 1.0, top_p, torch.tensor([draw]))[0])
    p = torch.softmax(values, 1)[0].double()
    above = float(p[p > p[token]].sum())
    assert above < top_p + 1e-6


def test_uniforms_are_uniform_and_apart():
    """Streams fill [0, 1) evenly, differ between rows and steps, and never change."""
    draws = uniforms([row_seed(0, str(i), "a") for i in range(2000)], 20)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert abs(draws.mean() - 0.5) < 0.005
    assert len(np.unique(draws)) == draws.size
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 0.1
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.1
    published = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)  # splitmix64 from state 0
    assert uniforms([0], 3)[0].tolist() == [(word >> 11) * 2.0**-53 for word in published]


def test_batch_rows_from_the_cache():
    """The batch shrinks as the cache a row needs grows, and never below one row."""
    config = tiny("llama").config
    assert batch_rows(config, 30, torch.device("cpu")) == module.CPU_ROWS
    big = transformers.AutoConfig.for_model("llama", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32)
    assert batch_rows(big, 700, torch.device("cpu")) == 1
