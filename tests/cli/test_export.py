"""`drdoctl export`, its child process included."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "train"))

import toy
from inside import ask_inside

from drdoctl import cli
from drdoctl.cli._child import ask_child


@pytest.fixture
def oracle(tmp_path, monkeypatch):
    """A reward model's folder; children in this process, and one thread for a real one."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")  # else DeepSpeed says on stdout what it found
    monkeypatch.setattr("drdoctl.cli.export.ask_child", ask_inside)
    return toy.write_oracle(tmp_path / "oracle", "llama")


def test_a_folder_is_exported(oracle, tmp_path, capsys):
    """The path goes to stdout, what it is to stderr, and all that was written is in the folder."""
    target = tmp_path / "out" / "model"
    assert cli.run(["export", str(oracle), str(target), "--dtype", "bf16", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["role"], told["dtype"], told["path"]) == ("oracle", "bf16", str(target))
    assert told["files"] == {path.name: path.stat().st_size for path in sorted(target.iterdir())}
    assert {path.name for path in target.parent.iterdir()} == {"model"}


def test_a_child_exports(oracle, tmp_path, monkeypatch, capsys):
    """The same by a process of its own, with the path on stdout and what was written on stderr."""
    monkeypatch.setattr("drdoctl.cli.export.ask_child", ask_child)
    assert cli.run(["export", str(oracle), str(tmp_path / "again")]) == 0
    seen = capsys.readouterr()
    assert seen.out == f"{tmp_path / 'again'}\n"
    assert "reward model (LlamaForSequenceClassification), fp32" in seen.err


@pytest.mark.parametrize(("activation", "refused"), [("silu", False), ("gelu", True)])
def test_a_llama_that_vllm_refuses_is_named_so(oracle, tmp_path, capsys, activation, refused):
    """Its Llama computes `silu`: an export with another activation is warned of, and its name is in the JSON."""
    config = json.loads((oracle / "config.json").read_text(encoding="utf-8"))
    (oracle / "config.json").write_text(json.dumps({**config, "hidden_act": activation}), encoding="utf-8")
    assert cli.run(["export", str(oracle), str(tmp_path / "out"), "--json"]) == 0
    seen = capsys.readouterr()
    assert json.loads(seen.out)["activation"] == activation
    assert ("vLLM takes no Llama with the activation" in seen.err) is refused


def test_a_folder_with_something_in_it_is_left_alone(oracle, tmp_path, capsys):
    """Nothing is written over, and nothing is loaded before that is known."""
    target = tmp_path / "full"
    target.mkdir()
    (target / "mine.txt").write_text("mine", encoding="utf-8")
    assert cli.run(["export", str(oracle), str(target)]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert [path.name for path in target.iterdir()] == ["mine.txt"]


def test_a_store_is_no_place_for_it(oracle, tmp_path, capsys):
    """A folder among a store's artifacts would look like one of them: it is refused, the store named."""
    store = tmp_path / "store"
    (store / "artifacts").mkdir(parents=True)
    (store / "store.json").write_text('{"format": 1}', encoding="utf-8")
    for words in (["export", str(oracle)], ["pull", "zoo/oracle-notes", "--offline", "--to"]):
        assert cli.run([*words, str(store / "artifacts" / "mine")]) == 2
        assert f"lies in the store `{store}`" in capsys.readouterr().err
    assert not list((store / "artifacts").iterdir())


def test_what_goes_wrong_leaves_nothing(oracle, tmp_path, capsys):
    """A model that cannot be read is named with what is wrong, and no folder is made."""
    (oracle / "model.safetensors").write_bytes(b"")
    before = set(tmp_path.iterdir())
    assert cli.run(["export", str(oracle), str(tmp_path / "target")]) == 2
    assert str(oracle) in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before


def test_weights_in_a_pickle_are_never_loaded(oracle, tmp_path, capsys):
    """A folder with a pickle alone is refused, with what makes safetensors of it: exit 2, as for `import`."""
    (oracle / "model.safetensors").rename(oracle / "pytorch_model.bin")
    assert cli.run(["export", str(oracle), str(tmp_path / "target")]) == 2
    err = capsys.readouterr().err
    assert "only as a pickle (`pytorch_model.bin`)" in err
    assert "save_pretrained" in err


def test_an_unknown_model(tmp_path, capsys):
    """What is neither an artifact nor a folder is refused."""
    assert cli.run(["export", "oracle-x", str(tmp_path / "target"), "--store", str(tmp_path / "store")]) == 2
    assert "no complete artifact `oracle-x`" in capsys.readouterr().err
