"""`drdoctl import`: reward models that others trained become oracles."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "train"))

import toy  # noqa: E402
from inside import ask_inside  # noqa: E402
from transformers import LlamaConfig, LlamaForSequenceClassification  # noqa: E402

from drdoctl import cli  # noqa: E402
from drdoctl.cli._child import ask_child  # noqa: E402
from drdoctl.store.artifact import Store  # noqa: E402

PAIRS = [{"prompt": "w9 w10", "chosen": f"w{number} w11", "rejected": "w12"} for number in range(13, 16)]


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    """A Hub cache of its own; children in this process, and one thread for a real one."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")  # else DeepSpeed says on stdout what it found
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    for verb in ("import_", "score"):
        monkeypatch.setattr(f"drdoctl.cli.{verb}.ask_child", ask_inside)


def write_model(folder, labels=1, pad=0, **tokenizer):
    """Save a sequence classifier as transformers does, with nothing of drdoctl's."""
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {"num_labels": labels, "pad_token_id": pad, "eos_token_id": 1, "initializer_range": 0.2}
    LlamaForSequenceClassification(
        LlamaConfig(vocab_size=50, max_position_embeddings=64, **shape, **more)
    ).save_pretrained(folder)
    return toy.write_tokenizer(folder, **tokenizer)


def run(*words, store):
    return cli.run([*words, "--store", str(store)])


def test_an_imported_model_scores_as_it_did(tmp_path, monkeypatch, capsys):
    """Its artifact scores pairs as transformers scores the folder, can be pushed and pulled, and says its name."""
    monkeypatch.setattr("drdoctl.cli.import_.ask_child", ask_child)
    folder, store, zoo = write_model(tmp_path / "reward-trainer"), tmp_path / "store", str(tmp_path / "zoo")
    (folder / "training_args.bin").write_bytes(b"not for us")
    assert run("import", str(folder), "--as", "mine", "--json", store=store) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["template"], told["pad_token"], told["notes"]) == ("mine", "plain", "<pad>", [])
    artifact = told["artifact"]
    assert artifact.startswith("oracle-")
    assert not (Path(told["path"]) / "training_args.bin").exists()
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in PAIRS), encoding="utf-8")
    assert run("score", artifact, str(pairs), "--json", store=store) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    ids = [[9, 10, *([toy.WORDS.index(word) for word in row["chosen"].split()]), 1] for row in PAIRS]
    assert [row["reward_chosen"] for row in rows] == pytest.approx(toy.by_transformers(folder, ids), rel=1e-5, abs=1e-6)
    assert run("push", artifact, "zoo/mine", "--zoo", zoo, "--no-probe", store=store) == 0
    capsys.readouterr()
    assert run("score", "zoo/mine", str(pairs), "--zoo", zoo, "--json", store=tmp_path / "other") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == rows
    assert run("show", artifact, store=store) == 0
    assert "oracle[mine]" in capsys.readouterr().out


def test_importing_again_changes_nothing(tmp_path, capsys):
    """The same files are the same artifact, whatever the folder's name; other files are another one."""
    folder, store = write_model(tmp_path / "first"), tmp_path / "store"
    assert run("import", str(folder), store=store) == 0
    name = capsys.readouterr().out
    shutil.copytree(folder, tmp_path / "second")
    assert run("import", str(tmp_path / "second"), store=store) == 0
    assert capsys.readouterr().out == name
    assert len(Store(store).manifests()) == 1
    assert run("import", str(folder), "--template", "none", store=store) == 0
    assert capsys.readouterr().out != name


def _five_labels(folder):
    return write_model(folder, labels=5)


def _pickle(folder):
    write_model(folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _code(folder):
    write_model(folder)
    (folder / "modeling_mine.py").write_text("", encoding="utf-8")


def _causal(folder):
    write_model(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["LlamaForCausalLM"]}), encoding="utf-8")


def _no_tokenizer(folder):
    write_model(folder)
    (folder / "tokenizer.json").unlink()


def _no_end(folder):
    write_model(folder, eos=None)


def _other_type(folder):
    write_model(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "gemma2"}), encoding="utf-8")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_five_labels, "it gives 5 numbers for a text"),
        (_pickle, "only as a pickle (`pytorch_model.bin`), which is never loaded"),
        (_code, "brings code of its own (`modeling_mine.py`), which is never run"),
        (_causal, "it is no sequence classifier"),
        (_no_tokenizer, "has no tokenizer (`tokenizer.json`)"),
        (_no_end, "has no end token"),
        (_other_type, "`gemma2` are not supported"),
    ],
)
def test_what_is_no_oracle(make, said, tmp_path, capsys):
    """What gives no reward, or none to be trusted, is refused by the name it was given; the store stays empty."""
    make(tmp_path / "model")
    assert run("import", str(tmp_path / "model"), store=tmp_path / "store") == 2
    err = " ".join(capsys.readouterr().err.split())
    assert said in err
    assert ".partial" not in err
    assert Store(tmp_path / "store").manifests() == []
    assert not list((tmp_path / "store").glob("artifacts/*"))


def test_what_changes_where_the_reward_is_read_is_said(tmp_path, capsys):
    """An end token that pads, and a template that goes on after it, are told, and are in the manifest."""
    template = toy.CHATML.replace("{{ after }}", " w8")
    folder = write_model(tmp_path / "model", pad=toy.WORDS.index("<|im_end|>"), template=template)
    assert run("import", str(folder), "--json", store=tmp_path / "store") == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert "it pads with `<|im_end|>`, which ends responses: its reward is read at the token before the end" in notes
    assert any(note.startswith("its chat template writes ' w8' after `<|im_end|>`") for note in notes)
    (manifest,) = Store(tmp_path / "store").manifests()
    assert manifest["warnings"] == notes


def test_a_folder_that_is_not_there(tmp_path, capsys):
    """The hint is one that `import` takes: it has no `--set`."""
    (tmp_path / "model").mkdir()
    (tmp_path / "file").write_text("")
    for name, says in (("nowhere", "there is no folder"), ("file", "is no folder"), ("modle", "did you mean")):
        assert run("import", str(tmp_path / name), store=tmp_path / "store") == 2
        told = capsys.readouterr().err
        assert says in told
        assert "--set" not in told


def test_a_model_in_the_cache_of_the_hub(tmp_path, capsys):
    """A Hub id is read from the local cache, and its commit goes with it; what is not there is refused."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "hub-cache" / "models--org--rm" / "snapshots" / commit
    blobs = tmp_path / "blobs"
    write_model(blobs)
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted(blobs.iterdir())):
        path.rename(blobs / str(number))
        (snapshot / path.name).symlink_to(blobs / str(number))
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text(commit, encoding="ascii")
    assert run("import", "org/rm", "--json", store=tmp_path / "store") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "rm"
    (manifest,) = Store(tmp_path / "store").manifests()
    assert manifest["origins"] == {"oracle.model": {"hub": "org/rm", "revision": commit}}
    assert run("import", "org/other", store=tmp_path / "store") == 2
    assert "`hf download org/other`" in capsys.readouterr().err


def test_names(tmp_path, capsys):
    """A name that no zoo would take is refused, and so is a revision of a folder."""
    folder = write_model(tmp_path / "model")
    assert run("import", str(folder), "--as", "a/b", store=tmp_path / "store") == 2
    assert "`a/b` is no name for an oracle" in (err := capsys.readouterr().err)
    assert f"`drdoctl import {folder} --store {tmp_path / 'store'} --as NAME`" in err
    assert run("import", str(folder), "--revision", "main", store=tmp_path / "store") == 2
    assert "a folder has no revisions" in (err := capsys.readouterr().err)
    assert f"`drdoctl import {folder} --store {tmp_path / 'store'}`" in err
