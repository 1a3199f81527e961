"""Model folders: what stands for them, and what is refused, with a remedy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))

from plan_world import write_model, write_weights

from drdoctl.core.errors import UserError
from drdoctl.spec.folder import read_config, read_folder
from drdoctl.spec.hashes import Hashes
from drdoctl.spec.weights import count_parameters

KEY = "student.model"


def read(path):
    """Return a folder's facts."""
    return read_folder(path, Hashes(None), key=KEY)


def codes(path):
    """Return the codes of the faults that a folder is refused with; each names the key and a remedy."""
    with pytest.raises(UserError) as caught:
        read(path)
    assert all(fault.message.startswith(f"`{KEY}`") and fault.hint for fault in caught.value.faults)
    return [fault.code for fault in caught.value.faults]


def test_content_is_the_identity(tmp_path):
    """Equal folders have equal hashes wherever they lie; weights, configuration and tokenizer each count."""
    first = read(write_model(tmp_path / "a"))
    again = read(write_model(tmp_path / "b"))
    assert (first.sha256, first.tokenizer_sha256) == (again.sha256, again.tokenizer_sha256)
    assert read(write_model(tmp_path / "c", fill=1)).sha256 != first.sha256
    assert read(write_model(tmp_path / "d", hidden_size=32)).sha256 != first.sha256
    (tmp_path / "a" / "chat_template.jinja").write_text("{{ messages }}")
    assert read(tmp_path / "a").tokenizer_sha256 != first.tokenizer_sha256
    assert read(tmp_path / "a").sha256 == first.sha256
    (tmp_path / "b" / "README.md").write_text("no matter")
    assert read(tmp_path / "b") == again


def test_shards_count_and_heads_do_not(tmp_path):
    """Parameters are added over shards; a reward head beside them is hashed but is no parameter of the model."""
    folder = write_model(tmp_path / "a")
    before = read(folder)
    write_weights(folder / "model-2.safetensors", shape=(3, 5))
    write_weights(folder / "reward_head.safetensors", shape=(1, 16))
    after = read(folder)
    assert after.parameters == before.parameters + 15
    assert after.sha256 != before.sha256


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no-config"),
        (lambda folder: (folder / "config.json").write_text("{"), "bad-config"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "mamba"}'), "unknown-architecture"),
        (lambda folder: (folder / "config.json").write_text("[]"), "unknown-architecture"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "opt", "vocab_size": 0}'), "bad-config"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "no-tokenizer"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "pickle-weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"short"), "bad-weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 64), "bad-weights"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no-weights"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "weights.safetensors"), "bad-weights"),
        (lambda folder: (folder / "modeling_own.py").write_text("raise SystemExit"), "remote-code"),
    ],
)
def test_what_is_refused(tmp_path, harm, code):
    """Each defect has its own code."""
    folder = write_model(tmp_path / "a")
    harm(folder)
    assert codes(folder) == [code]


def test_cut_and_long_weights_are_refused(tmp_path):
    """A safetensors file that lost its end, or has more than its header says, is not whole."""
    folder = write_model(tmp_path / "a")
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for content in (whole[:-1], whole + b"x", whole[:20]):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a whole safetensors file"):
            count_parameters(path, key=KEY)


def test_code_in_the_configuration_is_refused(tmp_path):
    """`auto_map` asks for code of the folder's own, which is never run."""
    assert codes(write_model(tmp_path / "a", auto_map={"AutoModel": "own.Model"})) == ["remote-code"]


def test_all_defects_at_once(tmp_path):
    """A folder with weights that are cut and without tokenizer is refused with both."""
    folder = write_model(tmp_path / "a")
    (folder / "tokenizer.json").unlink()
    (folder / "model.safetensors").write_bytes(b"short")
    assert codes(folder) == ["bad-weights", "no-tokenizer"]


def test_without_weights_there_is_a_plan(tmp_path):
    """A folder without weights tells a plan all it asks, and is refused by whoever reads them."""
    folder = write_model(tmp_path / "a")
    whole = read(folder)
    (folder / "model.safetensors").unlink()
    assert codes(folder) == ["no-weights"]
    found = read_folder(folder, Hashes(None), key=KEY, weightless=True)
    assert (found.sha256, found.parameters) == (None, None)
    assert (found.config, found.tokenizer_sha256) == (whole.config, whole.tokenizer_sha256)
    (folder / "tokenizer.json").unlink()
    assert codes(folder) == ["no-weights", "no-tokenizer"]


def test_a_folder_that_is_not_there(tmp_path):
    """A misspelt folder is refused with the one that was meant."""
    write_model(tmp_path / "base-model")
    with pytest.raises(UserError) as caught:
        read(tmp_path / "base-modle")
    assert caught.value.faults[0].code == "no-folder"
    assert "base-model" in caught.value.faults[0].hint


def test_an_adapter_is_no_model_folder(tmp_path):
    """A folder with an adapter alone is refused with what makes a model of it."""
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UserError, match="is an adapter") as caught:
        read_config(tmp_path, key="student.model")
    assert "merge_and_unload" in caught.value.faults[0].hint
