"""Sizes of models from their configuration alone."""

from __future__ import annotations

import json

import pytest

from drdoctl.core.architectures import (
    SUPPORTED,
    alibi_features,
    is_reward_model,
    limit_of,
    shape_of,
)
from drdoctl.core.impossible import impossible
from drdoctl.spec.known import CONFIGS

PUBLISHED = {
    "facebook/opt-125m": 125_239_296,
    "facebook/opt-350m": 331_196_416,
    "facebook/opt-1.3b": 1_315_758_080,
    "facebook/opt-2.7b": 2_651_596_800,
    "microsoft/Phi-3-mini-4k-instruct": 3_821_079_552,
    "HuggingFaceTB/SmolLM2-135M-Instruct": 134_515_008,
}
"""Parameters of the published checkpoints."""


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_parameters_of_published_models(name):
    """The formula gives the published checkpoints' parameter counts to the last one."""
    assert shape_of(CONFIGS[name]).parameters == PUBLISHED[name]


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        # q, k, v and their biases 8 (8 + 2 * 4) + 16, o 64, MLP 3 * 8 * 24, norms 2 * 8; tables 10 * 8, last norm 8
        ({"model_type": "qwen2"}, 2 * (128 + 16 + 64 + 576 + 16) + 88),
        # q, k, v, o 4 * 64 and biases 4 * 8, MLP 2 * 8 * 24 + 24 + 8, norms 4 * 8; two tables 2 * 10 * 8, last norm 16
        (
            {"model_type": "gpt_neox", "num_key_value_heads": None, "tie_word_embeddings": False},
            2 * (256 + 32 + 416 + 32) + 176,
        ),
        # q, k, v, o without bias, a norm of width 4 on queries and on keys
        ({"model_type": "qwen3", "head_dim": 4}, 2 * (128 + 64 + 576 + 16 + 8) + 88),
        # heads of 8, two of them for queries: q 128, k and v 128, o 128
        ({"model_type": "gemma", "head_dim": 8}, 2 * (384 + 576 + 16) + 88),
        # q, k, v, o 4 * 64 and biases 4 * 8, MLP 2 * 8 * 32 + 32 + 8, norms 4 * 8; one table, two norms more
        ({"model_type": "bloom"}, 2 * (256 + 32 + 552 + 32) + 80 + 32),
    ],
)
def test_parameters_by_hand(changes, count):
    """Biases, grouped heads, norms and untied heads are counted as each architecture has them."""
    config = {
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "intermediate_size": 24,
        "vocab_size": 10,
        "max_position_embeddings": 64,
        "tie_word_embeddings": True,
    }
    assert shape_of(config | changes).parameters == count


BLOOM_560M = {"model_type": "bloom", "n_embed": 1024, "n_layer": 24, "num_attention_heads": 16, "vocab_size": 250880}
GEMMA_2B = {
    "model_type": "gemma",
    "head_dim": 256,
    "hidden_size": 2048,
    "intermediate_size": 16384,
    "num_attention_heads": 8,
    "num_hidden_layers": 18,
    "num_key_value_heads": 1,
    "vocab_size": 256000,
}


@pytest.mark.parametrize(("config", "count"), [(BLOOM_560M, 559_214_592), (GEMMA_2B, 2_506_172_416)])
def test_repositories_that_leave_out_what_is_usual(config, count):
    """Bloom's own names of sizes are read, and heads are tied where a `config.json` does not say."""
    assert shape_of(config).parameters == count
    assert impossible(config) == {}


@pytest.mark.parametrize("kind", SUPPORTED)
def test_parameters_are_the_models(kind):
    """From each type's own defaults, as `save_pretrained` writes them, the count is transformers' own."""
    torch = pytest.importorskip("torch")
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(kind)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    model.tie_weights()
    assert shape_of(json.loads(config.to_json_string())).parameters == model.num_parameters()


def test_widths_in_attention():
    """Bloom's heads are there wider by ALiBi's features, three at least, to a multiple of 8; no other type's are."""
    assert [alibi_features(head) for head in (5, 6, 64, 67, 128)] == [3, 10, 8, 5, 8]
    assert shape_of(BLOOM_560M).alibi == 16 * 8
    assert shape_of(GEMMA_2B).alibi == 0


@pytest.mark.shared
def test_a_real_folder(shared_folder):
    """The count from the configuration is the count in the weights' header."""
    from drdoctl.spec.weights import count_parameters

    folder = shared_folder / "models" / "stories260k"
    if not folder.is_dir():
        pytest.skip("no stories260k beside the checkout")
    config = json.loads((folder / "config.json").read_text())
    assert shape_of(config).parameters == count_parameters(folder / "model.safetensors", key="student.model")


@pytest.mark.parametrize("config", [{}, {"model_type": "llama", "hidden_size": "wide"}, {"hidden_size": 8}])
def test_what_does_not_tell_gives_none(config):
    """A configuration without the numbers, or with nonsense, has no shape."""
    assert shape_of(config) is None


def test_odd_architectures_are_no_reward_models():
    """`architectures` of another kind than a list names nothing."""
    assert is_reward_model({"architectures": ["OPTForSequenceClassification"]})
    for odd in (None, 5, "OPTForSequenceClassification", {}):
        assert not is_reward_model({"architectures": odd})


def test_windows_limit_positions():
    """A sliding window that is in use is the limit; one that is switched off is not."""
    phi = CONFIGS["microsoft/Phi-3-mini-4k-instruct"]
    assert shape_of(phi).positions == 2047
    assert shape_of({**phi, "use_sliding_window": False}).positions == 4096


@pytest.mark.parametrize(
    ("config", "tokens", "word"),
    [
        ({"model_type": "llama", "max_position_embeddings": 64}, 64, "max_position_embeddings"),
        ({"model_type": "llama"}, None, None),
        # ALiBi has no table that ends
        ({"model_type": "bloom", "max_position_embeddings": 64}, None, None),
        # a key that the architecture does not read limits nothing
        ({"model_type": "llama", "max_position_embeddings": 64, "sliding_window": 8}, 64, "max_position_embeddings"),
        ({"model_type": "mistral", "max_position_embeddings": 8192}, 4096, "sliding_window"),
        ({"model_type": "mistral", "max_position_embeddings": 8192, "sliding_window": None}, 8192, "max_position"),
        ({"model_type": "qwen2", "max_position_embeddings": 8192, "sliding_window": 16}, 8192, "max_position"),
        (
            {"model_type": "qwen2", "max_position_embeddings": 8192, "use_sliding_window": True},
            4096,
            "sliding_window",
        ),
        # Phi-3's long-context models, as their repositories write them, and a Llama as transformers 5 does
        ({"model_type": "phi3", "max_position_embeddings": 131072, "rope_scaling": {"type": "su"}}, 4096, "longrope"),
        (
            {
                "model_type": "phi3",
                "max_position_embeddings": 131072,
                "original_max_position_embeddings": 2048,
                "rope_scaling": {"type": "longrope"},
            },
            2048,
            "longrope",
        ),
        (
            {
                "model_type": "llama",
                "max_position_embeddings": 64,
                "rope_parameters": {"rope_type": "longrope", "original_max_position_embeddings": 16},
            },
            16,
            "longrope",
        ),
        (
            {
                "model_type": "llama",
                "max_position_embeddings": 64,
                "rope_parameters": {"rope_type": "yarn", "original_max_position_embeddings": 16},
            },
            64,
            "max_position",
        ),
    ],
)
def test_what_limits_a_sequence(config, tokens, word):
    """The tightest of positions, window and rotary scaling is the limit, and says which it is."""
    limit = limit_of(config)
    if tokens is None:
        assert limit is None
    else:
        assert (limit.tokens, word in limit.reason) == (tokens, True)


def test_a_window_is_no_limit_for_sampling():
    """Sampling keeps the model's own attention, window and all; its positions and rotations stay limits."""
    config = {"model_type": "mistral", "max_position_embeddings": 64, "sliding_window": 8}
    assert limit_of(config).tokens == 8
    assert limit_of(config, sampling=True).tokens == 64
    rope = {"rope_type": "longrope", "original_max_position_embeddings": 16}
    assert limit_of({**config, "rope_parameters": rope}, sampling=True).tokens == 16
