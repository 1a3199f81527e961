"""What may be pushed, and what its card and page say."""

from __future__ import annotations

import json

import pytest
import zoo_things

from drdoctl.core.errors import IntegrityError, UserError
from drdoctl.stages import Want
from drdoctl.store.artifact import Store
from drdoctl.zoo.pull import pull
from drdoctl.zoo.push import pack, push
from drdoctl.zoo.verify import verify_zoo


def test_card_tells_the_ancestry(store, student):
    """The card of a student names base model, commit, data set, licence, figures and their warnings."""
    card = pack(store, student, "student").card
    assert (card.role, card.kind, card.stage, card.spec_name) == ("student", "align", "align[drdo]", "small")
    assert (card.base.ref, card.base.revision) == ("facebook/opt-1.3b", "c" * 40)
    assert card.datasets == ["HuggingFaceH4/ultrafeedback_binarized"]
    assert card.license == "other"
    assert card.figures == zoo_things.FIGURES
    assert card.warnings == ["judge = teacher"]
    assert card.config["model_type"] == "llama"


def test_folders_of_somebodys_machine_are_not_published(store, tmp_path):
    """A base model in a local folder goes into the card by its hash, never by its path."""
    (tmp_path / "models").mkdir()
    where = {"student.model": {"path": str(tmp_path / "models")}}
    want = Want("sft", 1, {"seed": 1}, externals={"student.model": "ab" * 32}, locations=where)
    zoo_things.commit(store, want, zoo_things.FILES)
    base = pack(store, want.artifact, "student").card.base
    assert (base.ref, base.revision, base.sha256) == (None, None, "ab" * 32)


def test_changed_artifacts_are_not_pushed(store, oracle):
    """An artifact whose files have changed since it was made is exit 5, naming the file."""
    path = store.path(oracle) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        pack(store, oracle, "thing")


@pytest.mark.parametrize("kind", ["data", "rewards", "evaluate"])
def test_other_kinds_are_not_published(store, kind):
    """Data, rewards and figures are not published: exit 2."""
    with pytest.raises(UserError, match="only oracles and students"):
        pack(store, zoo_things.make_artifact(store, kind), "thing")


def test_unfinished_artifacts_are_not_published(store):
    """What has no manifest cannot be pushed: exit 2."""
    with pytest.raises(UserError):
        pack(store, "oracle-000000000000", "thing")


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"config.json": b"{}"}, "weights in safetensors"),
        ({"model.safetensors": zoo_things.safetensors()}, "no `config.json`"),
        ({**zoo_things.FILES, "config.json": b'{"auto_map": {"A": "b"}}'}, "auto_map"),
        ({**zoo_things.FILES, "model.safetensors": b"junk junk junk"}, "not safetensors"),
    ],
)
def test_what_nobody_could_pull_is_not_pushed(store, files, named):
    """A model without weights or config, or with code of its own, is refused here rather than there."""
    with pytest.raises(IntegrityError, match=named):
        pack(store, zoo_things.make_artifact(store, "oracle", files), "thing")


def test_an_adapter_goes_out_with_its_base_pinned(store, tmp_path):
    """Adapter, config of the base and commit are in the package; it comes back whole, and verifies."""
    name = zoo_things.make_artifact(store, "oracle", zoo_things.adapter())
    package = pack(store, name, "judge")
    assert {"adapter_config.json", "adapter_base.json", "adapter_model.safetensors"} < package.files.keys()
    assert package.card.config == {"model_type": "opt"}
    push(package, str(tmp_path / "zoo"))
    pulled = pull(Store(tmp_path / "other"), "zoo/judge", str(tmp_path / "zoo"))
    assert (pulled.path / "adapter_model.safetensors").read_bytes() == zoo_things.safetensors()
    assert verify_zoo("zoo/judge", str(tmp_path / "zoo")).files == len(package.files)


@pytest.mark.parametrize(
    ("base", "revision"), [(None, None), ("facebook/opt-1.3b", None), ("facebook/opt-1.3b", "main"), ("/a/b", "c" * 40)]
)
def test_an_adapter_over_a_base_that_may_move_is_not_pushed(store, base, revision):
    """Without a Hub id and a commit nobody could load it: the remedy is to merge."""
    name = zoo_things.make_artifact(store, "sft", zoo_things.adapter(base, revision))
    with pytest.raises(UserError, match="not a commit on the Hub") as caught:
        pack(store, name, "thing")
    assert "merge: true" in caught.value.faults[0].hint


def test_an_adapter_that_asks_for_code_is_not_pushed(store):
    """peft imports what `auto_mapping` names: it must be empty."""
    files = zoo_things.adapter()
    files["adapter_config.json"] = files["adapter_config.json"].replace(b"null", b'{"parent_library": "os"}')
    with pytest.raises(IntegrityError, match="auto_mapping"):
        pack(store, zoo_things.make_artifact(store, "sft", files), "thing")


def test_the_doctors_findings_are_warnings(store):
    """What `doctor` sees in what was measured on an oracle is on its card; where it sees nothing, nothing is said."""
    quiet = zoo_things.make_artifact(store, "align")
    assert pack(store, quiet, "student").card.warnings == ["judge = teacher"]
    data, oracle = Want("data", 1, {}), Want("oracle", 1, {"oracle.seed": 3})
    rewards = Want("rewards", 1, {}, {"data": data, "oracle-0": oracle})
    stats = {"margin_mean": 0.0, "margin_std": 1.0, "accuracy": 0.5, "length_accuracy": 0.5, "length_correlation": 0.0}
    zoo_things.commit(store, data, {"report.json": json.dumps({"parts": {"eval": {"rows": 5000}}}).encode()})
    zoo_things.commit(store, oracle, zoo_things.FILES)
    zoo_things.commit(store, rewards, {"stats.json": json.dumps({"train": [stats], "eval": [stats]}).encode()})
    (said,) = pack(store, oracle.artifact, "oracle").card.warnings
    assert said.startswith("`drdoctl doctor` says: the oracle is no better than a coin: 50.0 % of 5,000")


@pytest.mark.parametrize("licence", ["a b", "mit\n", ""])
def test_a_licence_is_one_word(store, oracle, licence):
    """What is no SPDX id is refused as the user's fault: exit 2."""
    with pytest.raises(UserError, match="SPDX"):
        pack(store, oracle, "thing", licence=licence)


def test_a_tag_that_means_something_else_is_not_pushed(store, oracle, tmp_path):
    """`main` is no tag, and nothing is published under it."""
    with pytest.raises(UserError, match="no tag"):
        push(pack(store, oracle, "thing"), str(tmp_path / "zoo"), tag="main")
    assert not (tmp_path / "zoo").exists()
