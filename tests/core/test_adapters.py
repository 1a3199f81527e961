"""What an adapter sits on and how much it trains, told from a config alone."""

import pytest

from drdoctl.core.adapters import ALL_LINEAR, lora_of, matrices, matrix_names, targets, trained_parameters, without_nf4
from drdoctl.core.architectures import SUPPORTED, shape_of

LLAMA = {
    "model_type": "llama",
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "vocab_size": 50,
}


def test_four_bits_want_their_library(monkeypatch):
    """Before anything starts, stages with `quantize: nf4` find bitsandbytes missing; others do not ask for it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    settings = [{"kind": "data"}, {"oracle.lora.rank": 4, "oracle.lora.quantize": "nf4"}]
    assert [fault.hint for fault in without_nf4(settings)] == ["`pip install 'drdoctl[qlora]'`"]
    assert without_nf4([{"student.lora.quantize": "none"}, {}]) == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert without_nf4(settings) == []


def test_weights_are_rank_times_in_plus_out():
    """A rank-2 adapter on q (32 -> 32) and v (32 -> 16) of three layers trains 2 x 3 x (64 + 48) weights."""
    shape = shape_of(LLAMA)
    assert trained_parameters(shape, {"rank": 2, "target": ["q_proj", "v_proj"]}) == 2 * 3 * (64 + 48)


@pytest.mark.parametrize("kind", SUPPORTED)
def test_matrices_are_those_of_the_model(kind):
    """Names and sizes are those of the linear layers that transformers builds from the same config."""
    torch = pytest.importorskip("torch")
    from transformers import AutoConfig, AutoModelForCausalLM

    known = LLAMA | {"model_type": kind, "ffn_dim": 96, "word_embed_proj_dim": 32, "head_dim": 8, "pad_token_id": 0}
    if kind in ("opt", "gpt_neox"):
        del known["num_key_value_heads"]
    fields = {key: value for key, value in known.items() if key != "model_type"}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **fields))
    found = {
        name.rpartition(".")[2]: (part.in_features, part.out_features)
        for name, part in model.named_modules()
        if isinstance(part, torch.nn.Linear) and part is not model.get_output_embeddings()
    }
    assert matrices(shape_of(known)) == found
    assert matrix_names(kind) == list(matrices(shape_of(known)))


def test_all_linear_means_every_matrix_of_a_layer():
    """`all-linear` is every matrix; a list keeps only its own; what no layer has drops out."""
    shape = shape_of(LLAMA)
    assert targets(shape, [ALL_LINEAR]) == list(matrices(shape))
    assert targets(shape, ["down_proj", "q_proj", "lm_head"]) == ["q_proj", "down_proj"]


def test_settings_without_a_rank_train_everything():
    """A stage whose settings only say how its base is rounded, or nothing, trains no adapter."""
    settings = {"student.lora.rank": 4, "student.lora.target": ["q_proj"], "oracle.lora.quantize": "nf4"}
    assert lora_of(settings, "student") == {"rank": 4, "target": ["q_proj"]}
    assert lora_of(settings, "oracle") is None
