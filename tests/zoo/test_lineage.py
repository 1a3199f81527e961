"""Finding artifacts, and where they come from."""

from __future__ import annotations

import json

import pytest
import zoo_things

from drdoctl.core.errors import IntegrityError, UserError
from drdoctl.data import datasets
from drdoctl.stages import Want
from drdoctl.zoo.lineage import DATASETS, ancestors, base_of, figures_of, find, parents_of, template_of
from drdoctl.zoo.location import parse_ref
from drdoctl.zoo.pull import pull, pull_into
from drdoctl.zoo.push import pack, push
from drdoctl.zoo.resolve import look_up


def test_find(store, oracle, tmp_path):
    """A name, its beginning and its folder all mean the artifact."""
    zoo_things.make_artifact(store, "align")
    assert find(store, oracle) == (store, oracle)
    assert find(store, oracle[:10]) == (store, oracle)
    elsewhere, name = find(type(store)(tmp_path / "nowhere"), str(store.path(oracle)))
    assert (elsewhere.root, name) == (store.root, oracle)


def test_find_nothing_or_too_much(store, oracle):
    """A name that fits none or several is exit 2 with the nearest or all of them."""
    other = zoo_things.make_artifact(store, "oracle", seed=1)
    with pytest.raises(UserError, match=other):
        find(store, "oracle-")
    with pytest.raises(UserError) as error:
        find(store, oracle[:-1] + "x")
    assert "did you mean" in (error.value.faults[0].hint or "")


def test_find_what_is_damaged(store, oracle):
    """An artifact whose manifest is not as it was written is exit 5, by its name, its beginning and its folder."""
    path = store.path(oracle) / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"accuracy": 0.75', '"accuracy": 0.95'))
    for text in (oracle, oracle[:10], str(store.path(oracle))):
        with pytest.raises(IntegrityError, match=oracle) as error:
            find(store, text)
        assert f"rm -r {store.path(oracle)}" in (error.value.faults[0].hint or "")


def test_wild_inputs_are_no_artifact(store, oracle):
    """A manifest of an earlier version whose inputs are no fingerprints is left out of what has a lineage."""
    path = store.path(oracle) / "manifest.json"
    told = {key: value for key, value in store.manifest(oracle).items() if key != "sha256"}
    path.write_text(json.dumps({**told, "inputs": {"data": {}}}), encoding="utf-8")
    assert store.manifest(oracle) is None
    other = store.manifest(zoo_things.make_artifact(store, "align"))
    assert [made["fingerprint"] for made in ancestors(store, other)] == [other["fingerprint"]]


def test_damaged_figures_are_not_published(store, student):
    """Figures that are not as they were committed go into no card, and a damaged receipt names no parent."""
    align = Want("align", 1, {"method.alpha": 0.5})
    mark = align.fingerprint
    zoo_things.commit(store, align, zoo_things.FILES)
    figures = Want("evaluate", 1, {}, {"policy": align})
    zoo_things.commit(store, figures, {"figures.json": b'{"figures": []}'})
    assert figures_of(store, mark) == ([], [])
    (store.path(figures.artifact) / "figures.json").write_bytes(b'{"figures": [3]}')
    with pytest.raises(IntegrityError, match=r"figures\.json"):
        figures_of(store, mark)
    publish = Want("publish", 1, {}, {"artifact": align})
    zoo_things.commit(store, publish, {"receipt.json": b'{"name": "one", "revision": "r"}'})
    (store.path(publish.artifact) / "receipt.json").write_bytes(b"[1]")
    with pytest.raises(IntegrityError, match=r"receipt\.json"):
        parents_of(store, store.manifest(student))


def test_the_base_is_that_of_the_models_own_line(store, student, folder_zoo):
    """A student's base is what it started from itself, whatever its oracle started from; a pulled start is named."""
    push(pack(store, student, "start"), folder_zoo.location, tag="v1")
    facts = look_up(parse_ref("zoo/start@v1"), folder_zoo.location)
    where = {"ref": facts.ref, "location": folder_zoo.location, "revision": facts.revision, "sha256": facts.sha256}
    start = Want("sft", 1, {}, externals={"student.model": facts.sha256}, locations={"zoo": where})
    pull_into(store, start)
    oracle = Want("oracle", 1, {"seed": 3}, externals={"oracle.model": "e" * 64})
    rewards = Want("rewards", 1, {}, {"oracle-0": oracle})
    align = Want("align", 1, {"method.alpha": 0.5}, {"rewards": rewards, "policy": start})
    for want in (oracle, rewards, align):
        zoo_things.commit(store, want, zoo_things.FILES)
    base = base_of(store, store.manifest(align.artifact))
    assert (base.ref, base.revision) == ("zoo/start@v1", facts.revision)
    assert base_of(store, store.manifest(oracle.artifact)).sha256 == "e" * 64


def test_what_the_ancestry_told_survives_a_pull(store, other_store, student, folder_zoo):
    """Base model, data sets, template and licence are the same in a card made from a pulled artifact."""
    first = pack(store, student, "one").card
    push(pack(store, student, "one"), folder_zoo.location)
    pulled = pull(other_store, "zoo/one", folder_zoo.location).path.name
    second = pack(other_store, pulled, "one").card
    assert (second.base, second.datasets, second.template, second.license) == (
        first.base,
        first.datasets,
        first.template,
        first.license,
    )
    assert first.template == template_of(other_store, other_store.manifest(pulled)) == "auto"


def test_hub_ids_are_those_that_the_datasets_read():
    """What a card says of a dataset is where the dataset's own file reads it."""
    assert {name: cls.hub_id for name, cls in datasets().items() if getattr(cls, "hub_id", "")} == DATASETS
