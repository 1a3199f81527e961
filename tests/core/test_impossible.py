"""Numbers of a `config.json` that no model can have."""

import pytest

from drdoctl.core.architectures import SUPPORTED
from drdoctl.core.impossible import impossible
from drdoctl.spec.known import CONFIGS


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"hidden_size": -64}, ["hidden_size"]),
        ({"hidden_size": "64", "num_hidden_layers": 0, "vocab_size": None}, "hidden_size num_hidden_layers vocab_size"),
        ({"num_attention_heads": True, "intermediate_size": 8.0}, ["num_attention_heads", "intermediate_size"]),
        ({"vocab_size": float("nan"), "head_dim": [16]}, ["vocab_size", "head_dim"]),
        ({"head_dim": None, "num_key_value_heads": None, "max_position_embeddings": None}, []),
        ({"max_position_embeddings": -1}, ["max_position_embeddings"]),
        ({"model_type": "mistral", "sliding_window": -4}, ["sliding_window"]),
        ({"model_type": "mistral", "sliding_window": None}, []),
        ({"model_type": "qwen2", "sliding_window": -4}, []),
        ({"num_attention_heads": 3}, ["num_attention_heads"]),
        ({"num_attention_heads": 3, "head_dim": 16}, ["num_attention_heads"]),
        ({"model_type": "mistral", "num_attention_heads": 3, "head_dim": 16}, []),
        ({"model_type": "qwen3", "num_attention_heads": 3}, []),
        ({"num_key_value_heads": 3}, ["num_key_value_heads"]),
        ({"model_type": "opt", "num_key_value_heads": 3}, []),
        ({"num_attention_heads": 64}, ["num_attention_heads"]),
        ({"model_type": "opt", "num_attention_heads": 64}, []),
        ({"model_type": "qwen3", "head_dim": 15}, ["head_dim"]),
        ({"model_type": "gemma", "head_dim": 15}, ["head_dim"]),
        ({"model_type": "gemma", "num_attention_heads": 3}, []),
        ({"model_type": "bloom", "n_head": 3, "n_layer": 0}, ["n_layer"]),
        ({"model_type": "bloom", "n_head": 3}, ["n_head"]),
        ({"model_type": "bloom", "num_attention_heads": 3}, ["num_attention_heads"]),
        # a key that the architecture does not read
        ({"model_type": "bloom", "intermediate_size": -1, "head_dim": 15}, []),
        ({"n_head": 3}, []),
        ({"pad_token_id": 31}, []),
        ({"pad_token_id": 32}, ["pad_token_id"]),
        ({"pad_token_id": 32, "vocab_size": 0}, ["vocab_size"]),
        ({"pad_token_id": -1}, []),
        ({"pad_token_id": None}, []),
        # its embedding has no row for padding
        ({"model_type": "gpt_neox", "pad_token_id": 32}, []),
    ],
)
def test_what_no_model_can_have(changes, fields):
    """Sizes are whole numbers of at least 1 (or left out), heads share evenly, and a rotated head has two halves."""
    config = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2}
    found = impossible({**config, "vocab_size": 32, **changes})
    assert list(found) == (fields.split() if isinstance(fields, str) else fields)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_published_models_are_possible(name):
    """Nothing is held against the models of the recipes."""
    assert impossible(CONFIGS[name]) == {}


@pytest.mark.parametrize("kind", SUPPORTED)
def test_padding_beyond_the_embeddings_is_what_transformers_refuses(kind):
    """What is refused here is refused there as well, and nothing else."""
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    sizes |= {"intermediate_size": 8, "ffn_dim": 8, "word_embed_proj_dim": 8, "vocab_size": 16, "pad_token_id": 16}
    config = transformers.AutoConfig.for_model(kind, **sizes)
    try:
        transformers.AutoModelForCausalLM.from_config(config)
    except AssertionError:
        assert list(impossible(config.to_dict())) == ["pad_token_id"]
    else:
        assert impossible(config.to_dict()) == {}
