"""Facts: folders, Hub ids, zoo names and tokenizers, each by content."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))

from plan_world import CONFIG, write_model

from drdoctl.core.errors import UserError, Where
from drdoctl.data import datasets
from drdoctl.spec.facts import Facts
from drdoctl.spec.folder import is_absent

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """Return facts on a machine that knows nothing of the Hub."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return Facts(tmp_path, tmp_path / "store", places=lambda key: Where("spec.yaml", 3, 1, f"{key}:"))


def test_a_local_folder(facts, tmp_path):
    """A relative folder is found from the spec's own; its identity is a hash, its location a path."""
    write_model(tmp_path / "base")
    found = facts.model("student.model", "base")
    assert found.location == {"path": str(tmp_path / "base")}
    assert len(found.identity) == 64
    assert (found.parameters, found.finished, found.tokenizer.vocabulary) == (16, False, 32)


def test_a_reward_model_is_known_by_its_architecture(facts, tmp_path):
    """A sequence classifier is finished, unless the spec says otherwise."""
    kind = ["LlamaForSequenceClassification"]
    write_model(tmp_path / "judge", architectures=kind, id2label={"0": "LABEL_0"})
    assert facts.model("oracle.model", "./judge").finished
    assert not facts.model("oracle.model", "./judge", finished=False).finished
    for folder, labels in (("many", {"num_labels": 5}), ("unsaid", {})):
        write_model(tmp_path / folder, architectures=kind, **labels)
        with pytest.raises(UserError, match=f"gives {labels.get('num_labels', 2)} numbers for a text"):
            facts.model("oracle.model", f"./{folder}")
        assert not facts.model("oracle.model", f"./{folder}", finished=False).finished


def test_a_hub_id_is_noted_as_unresolved(facts):
    """An id that no file resolves is in `unresolved`, and its identity says so."""
    found = facts.model("student.model", "org/model")
    assert found.identity == "hub:org/model@unresolved:main"
    assert [ref.id for ref in facts.unresolved.values()] == ["org/model"]
    assert facts.model("student.model", "org/model", COMMIT).identity == f"hub:org/model@{COMMIT}"


def test_a_cached_hub_model_has_its_configuration(facts, tmp_path):
    """The local cache gives commit, configuration and the tokenizer's size; an unknown type is refused."""
    folder = tmp_path / "hub" / "models--org--model"
    write_model(folder / "snapshots" / COMMIT)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    found = facts.model("student.model", "org/model")
    assert (found.identity, found.config) == (f"hub:org/model@{COMMIT}", CONFIG)
    assert found.tokenizer.vocabulary == 32
    (folder / "snapshots" / COMMIT / "config.json").write_text('{"model_type": "mamba"}')
    with pytest.raises(UserError, match="mamba"):
        facts.model("oracle.model", "org/model")


@pytest.mark.parametrize("name", ["./none", "/none/at/all", "a/b/c", "org/mo del"])
def test_what_is_neither_folder_nor_id(facts, name):
    """A path that is not there, and text that is no Hub id, are refused at the spec's line."""
    with pytest.raises(UserError) as caught:
        facts.model("student.model", name)
    assert caught.value.faults[0].where.line == 3


def test_another_tokenizer_in_place_of_the_models(facts, tmp_path):
    """With `student.tokenizer`, the model's folder needs none of its own."""
    folder = write_model(tmp_path / "base")
    (folder / "tokenizer.json").rename(tmp_path / "tokenizer.json")
    other = facts.tokenizer("student.tokenizer", ".")
    assert facts.model("student.model", "./base", tokenizer=".").tokenizer == other
    with pytest.raises(UserError, match="no tokenizer"):
        facts.model("student.model", "./base")


def test_a_generated_datasets_tokenizer(facts):
    """A world's own tokenizer is known by its text; datasets of files bring none."""
    found = facts.dataset_tokenizer(datasets()["notes"]())
    assert found.location == {"dataset": True}
    assert found.vocabulary == len(json.loads(found.text)["model"]["vocab"])
    assert facts.dataset_tokenizer(datasets()["jsonl"](jsonl="x.jsonl")) is None


def test_a_zoo_name_is_known_by_its_card(facts, monkeypatch):
    """A name in the zoo has its card's hash, role and configuration, and what a pull needs."""
    card = SimpleNamespace(config=CONFIG, role="oracle")
    known = SimpleNamespace(
        ref="zoo/judge",
        revision="r1",
        sha256="5" * 64,
        files={"tokenizer.json": "a", "model.safetensors": "b"},
        card=card,
    )
    monkeypatch.setattr("drdoctl.zoo.resolve.zoo_facts", lambda ref, location, store: known)
    facts.zoo = "the-zoo"
    found = facts.model("oracle.model", "zoo/judge")
    assert (found.identity, found.finished, found.location) == ("5" * 64, True, {})
    assert found.zoo == {
        "ref": "zoo/judge",
        "revision": "r1",
        "location": str(facts.base / "the-zoo"),
        "sha256": "5" * 64,
        "role": "oracle",
    }


def test_the_zoos_location(facts, monkeypatch):
    """A relative zoo folder starts from the spec's; what is written stays as it is written."""
    facts.zoo = "the-zoo"
    assert facts.zoo_location() == str(facts.base / "the-zoo")
    assert facts.zoo_written() == "the-zoo"


def test_what_was_hashed_before_a_stop_is_remembered(facts, tmp_path, monkeypatch):
    """A signal while the next file is hashed costs the next plan that file alone."""
    facts.store_root.mkdir(parents=True, exist_ok=True)
    facts = Facts(facts.base, facts.store_root)
    path = tmp_path / "pairs.jsonl"
    path.write_text("{}\n")
    os.utime(path, (1, 1))
    monkeypatch.setattr("drdoctl.spec.hashes.SETTLED_SECONDS", -1)

    def cut():
        facts.hashes.file(path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        facts.once("data", cut)
    monkeypatch.setattr("drdoctl.spec.hashes._read_through", None)  # as it was: nobody reads it again
    assert Facts(facts.base, facts.store_root).hashes.file(path).rows == 1


def test_a_tokenizer_is_read_once_for_its_size(facts, tmp_path, monkeypatch):
    """However many stages ask for the vocabulary, the tokenizer's file, which may take megabytes, is parsed once."""
    from drdoctl.spec import facts as module

    parsed: list[str] = []
    count = module.vocabulary_size
    monkeypatch.setattr(module, "vocabulary_size", lambda text: parsed.append(text) or count(text))
    folder = write_model(tmp_path / "model")
    found = {facts.tokenizer("student.tokenizer", str(folder)).vocabulary for _ in range(3)}
    source = datasets()["notes"]()
    found |= {facts.dataset_tokenizer(source).vocabulary for _ in range(3)}
    assert len(found) == 2
    assert len(parsed) == 2


@pytest.mark.shared
def test_a_real_model_without_weights(shared_folder, tmp_path):
    """SmolLM2's folder beside the checkout may have no weights: a plan needs none, and its tokenizer can be used."""
    folder = shared_folder / "models" / "smollm2-135m-instruct"
    if not folder.is_dir():
        pytest.skip("no SmolLM2 beside the checkout")
    facts = Facts(tmp_path, tmp_path / "store", weightless=True)
    assert facts.tokenizer("student.tokenizer", str(folder)).vocabulary == 49152
    found = facts.model("student.model", str(folder))
    assert is_absent(found.identity) == (not list(folder.glob("*.safetensors")))
    assert found.config["model_type"] == "llama"
