"""Sampling: greedy as transformers does it, rows independent of their batch."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from drdoctl.train import cache, decoding
from drdoctl.train import sample as sample_module
from drdoctl.train.bloom import use_interface
from drdoctl.train.draws import row_seed
from drdoctl.train.sample import sample

SMALL = {"vocab_size": 61, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
CONFIGS = {
    "llama": {"intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 64},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, "max_position_embeddings": 64},
    "phi3": {"intermediate_size": 48, "num_key_value_heads": 4, "max_position_embeddings": 64, "sliding_window": 9},
    "qwen2": {"intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 64},
    "gpt_neox": {"intermediate_size": 48, "max_position_embeddings": 64},
    "gemma": {"intermediate_size": 48, "num_key_value_heads": 1, "max_position_embeddings": 64, "head_dim": 16},
    "bloom": {},
    "mistral": {
        "intermediate_size": 48,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "sliding_window": 7,
    },
    "qwen3": {
        "intermediate_size": 48,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "head_dim": 8,
        "use_sliding_window": True,
        "sliding_window": 7,
        "max_window_layers": 1,
    },
}
STORIES = Path(__file__).parents[2] / ".." / "shared" / "models" / "stories260k"


def tiny(kind: str) -> torch.nn.Module:
    """Return a random two-layer model of one architecture, always the same."""
    torch.manual_seed(3)
    config = transformers.AutoConfig.for_model(kind, **SMALL, **TOKENS, initializer_range=0.5, **CONFIGS[kind])
    # Bloom has one attention of its own
    attention = "eager" if kind == "bloom" else "sdpa"
    return transformers.AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()


def ready(model: torch.nn.Module) -> torch.nn.Module:
    """Return a copy of the model as the engine samples from it: a Bloom through the attention interface."""
    made = copy.deepcopy(model)
    if made.config.model_type == "bloom":
        use_interface(made)
    return made


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
def test_greedy_is_generate(kind, monkeypatch):
    """Temperature 0 gives transformers' own greedy tokens, whatever the padding and whoever had a row's place."""
    monkeypatch.setattr(cache, "CPU_ROWS", 6)
    monkeypatch.setattr(sample_module, "BLOCK", 2)
    monkeypatch.setattr(decoding, "BLOCK", 2)
    model, prompts = tiny(kind), some_prompts(9, 61)
    ours = sample(
        ready(model), prompts, temperature=0, top_p=1, max_new_tokens=12, eos_ids=[2], seeds=range(9), pad_id=0
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
                ready(model), [prompt], temperature=0, top_p=1, max_new_tokens=8, eos_ids=[2], seeds=[0], pad_id=0
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
    monkeypatch.setattr(cache, "CPU_ROWS", 4)
    assert sample(model, prompts, seeds=seeds, **options) == whole
    alone = [sample(model, [prompt], seeds=[seed], **options)[0] for prompt, seed in zip(prompts, seeds, strict=True)]
    assert alone == whole
    assert any(response.ended for response in whole)
    assert any(not response.ended for response in whole)


def test_stops_between_tokens():
    """`between` is called after every pass, and an error in it ends the sampling."""
    calls = []

    def between(done: int, drawn: int) -> None:
        calls.append((done, drawn))
        if len(calls) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sample(
            tiny("llama"), [[4, 5]], temperature=0, top_p=1, max_new_tokens=9, eos_ids=[], seeds=[1], pad_id=0,
            between=between,
        )  # fmt: skip
    assert calls == [(1, 1), (2, 1), (3, 1)]


def test_what_is_done_grows_to_the_whole(monkeypatch):
    """Tokens done never fall and end at prompts times limit; tokens drawn are those of the responses."""
    monkeypatch.setattr(cache, "CPU_ROWS", 5)
    calls = []
    got = sample(
        tiny("llama"), some_prompts(17, 61), temperature=1, top_p=1, max_new_tokens=11, eos_ids=range(3, 12),
        seeds=range(17), pad_id=0, between=lambda *told: calls.append(told),
    )  # fmt: skip
    done = [told[0] for told in calls]
    assert done == sorted(done)
    assert done[-1] == 17 * 11
    assert sum(told[1] for told in calls) == sum(len(response.ids) for response in got)


def test_no_prompts():
    """Nothing to say: nothing said."""
    options = {"temperature": 0, "top_p": 1, "max_new_tokens": 2, "eos_ids": [2], "pad_id": 0}
    assert sample(tiny("llama"), [], seeds=[], **options) == []


def test_empty_prompt_refused():
    """A prompt without tokens is an error, not a silent sample from padding."""
    with pytest.raises(ValueError, match="without tokens"):
        sample(tiny("llama"), [[]], temperature=0, top_p=1, max_new_tokens=2, eos_ids=[2], seeds=[1], pad_id=0)
