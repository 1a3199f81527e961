"""Whether a model's configuration fits the engine and the data."""

from __future__ import annotations

import json

import pytest

from drdoctl.core.errors import UserError
from drdoctl.spec.fits import (
    check_length,
    check_numbers,
    check_targets,
    check_type,
    check_vocabulary,
    config_at,
)
from drdoctl.spec.vocabulary import words_of


@pytest.mark.parametrize("config", [{"model_type": "gemma2"}, {}, [], None])
def test_types_that_are_not_supported(config):
    """Another type, or no configuration at all, is refused with what works."""
    with pytest.raises(UserError) as caught:
        check_type(config, "./model", key="oracle.model")
    fault = caught.value.faults[0]
    assert fault.code == "unknown-architecture"
    assert fault.message.startswith("`oracle.model`: ")
    assert "llama" in fault.hint
    check_type({"model_type": "opt"}, "./model", key="oracle.model")


@pytest.mark.parametrize(
    ("config", "what"), [({}, "no `model_type`"), ({"model_type": None}, "no `model_type`"), ([], "no mapping")]
)
def test_no_type_is_said_to_be_none(config, what):
    """Where a configuration names no type, that is what is said: `None` is no type."""
    with pytest.raises(UserError, match=what) as caught:
        check_type(config, "./model", key="student.model")
    assert "None" not in caught.value.faults[0].message


@pytest.mark.parametrize("vocabulary", [{"a": 0, "b": 9}, [["a", 0.0]] * 10])
def test_a_tokenizer_of_another_model(tmp_path, vocabulary):
    """Tokens without an embedding would end training in an error of the embedding; as many as it has are fine."""
    told = {"model": {"vocab": vocabulary}, "added_tokens": [{"id": 99}]}
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(UserError, match="has 10 tokens, and the model embeddings for 9") as caught:
        check_vocabulary({"vocab_size": 9}, words_of(tmp_path / "tokenizer.json"), key="student.tokenizer")
    assert caught.value.faults[0].code == "tokenizer-mismatch"
    for config in ({"vocab_size": 10}, {}, {"vocab_size": None}):
        check_vocabulary(config, words_of(tmp_path / "tokenizer.json"), key="student.tokenizer")
    (tmp_path / "tokenizer.json").write_text("[]")
    assert words_of(tmp_path / "tokenizer.json") is None
    assert words_of(tmp_path / "nowhere") is None
    check_vocabulary({"vocab_size": 9}, None, key="student.tokenizer")


def test_broken_json_is_shown_where_it_breaks(tmp_path):
    """What is no JSON is refused at its line and column, what cannot be decoded at the spec's place."""
    path = tmp_path / "config.json"
    path.write_text('{"a": 1,\n "b" 2}')
    with pytest.raises(UserError, match="expecting ':' delimiter") as caught:
        config_at(path, key="student.model")
    fault = caught.value.faults[0]
    assert (fault.code, str(fault.where), fault.where.text) == ("bad-config", f"{path}:2:6", ' "b" 2}')
    assert "save_pretrained" in fault.hint
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="cannot be read"):
        config_at(path, key="student.model")
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match="cannot be read"):
        config_at(path, key="student.model")
    with pytest.raises(FileNotFoundError):
        config_at(tmp_path / "none.json", key="student.model")


def test_impossible_numbers_are_shown_where_they_are(tmp_path):
    """Every number that no model can have is refused at its line, with what it is."""
    path = tmp_path / "config.json"
    path.write_text('{\n  "hidden_size": -3,\n  "vocab_size": "many"\n}')
    with pytest.raises(UserError) as caught:
        check_numbers(config_at(path, key="student.model"), path, key="student.model")
    faults = caught.value.faults
    assert [str(fault.where) for fault in faults] == [f"{path}:2:18", f"{path}:3:17"]
    assert faults[0].message == "`student.model`: `hidden_size` is `-3`, not a whole number of at least 1"
    assert '`"many"`' in faults[1].message
    path.write_text('{"model_type": "llama", "hidden_size": 64}')
    check_numbers(config_at(path, key="student.model"), path, key="student.model")


def test_length():
    """As many tokens as the model takes are right, one more is refused; what is no number is left to the reader."""
    config = {"model_type": "llama", "max_position_embeddings": 64}
    check_length(config, 64, key="student.model")
    with pytest.raises(UserError, match=r"`student\.model` takes 64 tokens at most"):
        check_length(config, 65, key="student.model")
    check_length({"max_position_embeddings": "many"}, 65, key="student.model")
    check_length({"max_position_embeddings": 64, "rope_scaling": "odd"}, 64, key="student.model")


def test_every_unknown_matrix_is_refused():
    """Each name that a type does not have is a fault with what was meant, or with all there are; others are right."""
    with pytest.raises(UserError) as caught:
        check_targets(["q_proj", "v_porj", "nope", "all-liner"], "llama", key="student.lora.target")
    hints = [fault.hint for fault in caught.value.faults]
    assert [hints[0], hints[2]] == ["did you mean `v_proj`?", "did you mean `all-linear`?"]
    assert "`gate_proj`" in hints[1]
    check_targets(["query_key_value"], "gpt_neox", key="student.lora.target")
    check_targets(["all-linear"], "opt", key="student.lora.target")
    check_targets(["whatever"], "mamba", key="student.lora.target")
    check_targets(["whatever"], None, key="student.lora.target")
