"""Nothing that is not the publisher's gets in: files, cards, signatures and scores, from a folder and from the Hub."""

from __future__ import annotations

import json
import re

import pytest
import zoo_things

from drdoctl.core.errors import IntegrityError
from drdoctl.stages import Want
from drdoctl.zoo import CARD_FILE, SIGNATURE_FILE
from drdoctl.zoo.pull import pull, pull_into, pull_to
from drdoctl.zoo.push import pack, push
from drdoctl.zoo.trust import Trust
from drdoctl.zoo.verify import verify_folder, verify_zoo

WEIGHTS = "model.safetensors"
PROBE = {"name": "short", "prompt": "a", "response": "b", "score": 1.5}


def measure(_request):
    """Say of any model that its one probe scores 1.5."""
    return {"probes": [PROBE], "difference": 0.01, "by_hand": True, "rendering": {"template": "plain"}}


def gives(score):
    """Return what scores any model alike."""
    return lambda _folder, _stated: {"scores": [score]}


class InFolder:
    """A published model in a folder zoo, at whose files somebody gets."""

    def __init__(self, location):
        self.root = location

    def _card(self, name):
        pointer = (self.root / name / "refs/main").read_text(encoding="ascii")
        return self.root / name / f"revisions/{pointer}.json"

    def _blob(self, path):
        entry = json.loads(self._card("thing").read_bytes())["files"][path]
        return self.root / f"blobs/sha256/{entry['sha256'][:2]}/{entry['sha256']}"

    def same_size(self):
        blob = self._blob(WEIGHTS)
        blob.write_bytes(blob.read_bytes()[:-1] + b"\1")

    def extra(self):
        card = json.loads(self._card("thing").read_bytes())
        card["files"]["vocab.json"] = card["files"]["config.json"]
        self._card("thing").write_text(json.dumps(card), encoding="utf-8")

    def missing(self):
        self._blob(WEIGHTS).unlink()

    def swapped(self):
        self._card("thing").write_bytes(self._card("other").read_bytes())

    def signature(self):
        self._card("thing").with_suffix(".sig").write_bytes(self._card("other").with_suffix(".sig").read_bytes())


class OnHub:
    """The same on the Hub: a commit that somebody else made."""

    def __init__(self, hub):
        self.hub = hub

    def _put(self, path, oid):
        repo = self.hub.repos["org/thing"]
        tree = {name: held for name, held in repo.commits[repo.head].items() if name != path}
        repo.commit(tree if oid is None else {**tree, path: oid})

    def _oid(self, name, path):
        repo = self.hub.repos[f"org/{name}"]
        return repo.commits[repo.head][path]

    def same_size(self):
        held = self.hub.blobs[self._oid("thing", WEIGHTS)]
        self._put(WEIGHTS, self.hub.put(held[:-1] + b"\1"))

    def extra(self):
        self._put("vocab.json", self.hub.put(b"{}"))

    def missing(self):
        self._put(WEIGHTS, None)

    def swapped(self):
        self._put(CARD_FILE, self._oid("other", CARD_FILE))

    def signature(self):
        self._put(SIGNATURE_FILE, self._oid("other", SIGNATURE_FILE))


NAMED = {
    "same_size": {"folder": WEIGHTS, "hub": WEIGHTS},
    "extra": {"folder": "the card of `zoo/thing`", "hub": "vocab.json"},
    "missing": {"folder": WEIGHTS, "hub": WEIGHTS},
    "swapped": {"folder": "the card of `zoo/thing`", "hub": "the card of `zoo/thing`"},
    "signature": {"folder": "its signature is of other files", "hub": "its signature is of other files"},
}
"""What was done to a published model -> what the error names. A folder has no files but those of cards."""


@pytest.mark.parametrize("kind", ["folder", "hub"])
@pytest.mark.parametrize("harm", NAMED)
def test_what_was_tampered_with_does_not_get_in(harm, kind, request, store, other_store, oracle, keys, tmp_path):
    """Five harms, two homes: pull and verify are exit 5, name the file, and install nothing."""
    pytest.importorskip("model_signing")
    if kind == "hub":
        hub = request.getfixturevalue("hub")
        location, attacker = "hub:org", OnHub(hub)
    else:
        location, attacker = str(tmp_path / "zoo"), InFolder(tmp_path / "zoo")
    other = zoo_things.make_artifact(store, "oracle", seed=1)
    for name, artifact in (("thing", oracle), ("other", other)):
        push(pack(store, artifact, name), location, key=keys.private)
    trust = Trust(key=keys.public)
    getattr(attacker, harm)()
    target = tmp_path / "to"
    for look in (
        lambda: pull(other_store, "zoo/thing", location, trust=trust),
        lambda: pull_to(target, "zoo/thing", location, trust=trust),
        lambda: verify_zoo("zoo/thing", location, trust=trust),
    ):
        with pytest.raises(IntegrityError, match=re.escape(NAMED[harm][kind])) as caught:
            look()
        assert caught.value.exit_code == 5
    assert not other_store.artifacts.exists() or not list(other_store.artifacts.iterdir())
    assert not target.exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".to.")] == []


@pytest.fixture
def probed(location, store, oracle):
    """`zoo/thing` with one probe, in each kind of zoo; the value is its location."""
    push(pack(store, oracle, "thing", measure=measure), location)
    return location


def test_a_model_with_other_scores_does_not_get_in(probed, other_store, tmp_path):
    """Where a probe differs, pull into a store, to a folder and verify are exit 5, and nothing is installed."""
    trust = Trust(gives(1.4))
    for look in (
        lambda: pull(other_store, "zoo/thing", probed, trust=trust),
        lambda: pull_to(tmp_path / "to", "zoo/thing", probed, trust=trust),
        lambda: verify_zoo("zoo/thing", probed, trust=trust),
    ):
        with pytest.raises(IntegrityError, match=r"probe `short` of `zoo/thing`: expected 1\.5, got 1\.4"):
            look()
    assert not list(other_store.artifacts.iterdir())
    assert not (tmp_path / "to").exists()


def test_probes_run_once(probed, other_store, oracle, tmp_path):
    """The manifest says what came of the probes; a second pull runs none, and verify runs them again."""
    seen = []

    def scorer(folder, stated):
        seen.append((folder, [probe.score for probe in stated.probes]))
        assert (folder / WEIGHTS).is_file()
        return {"scores": [1.5]}

    trust = Trust(scorer)
    assert pull(other_store, "zoo/thing", probed, trust=trust).checked["probed"]
    assert pull(other_store, "zoo/thing", probed, trust=trust).checked == {}
    assert [scores for _, scores in seen] == [[1.5]]
    assert seen[0][0] != other_store.path(oracle)
    assert other_store.manifest(oracle)["zoo"]["checked"]["probed"] is True
    assert verify_folder(other_store.path(oracle), trust).checked["probed"]
    assert verify_folder(pull_to(tmp_path / "to", "zoo/thing", probed).path, trust).checked["probed"]
    assert verify_zoo("zoo/thing", probed, trust=trust).checked["probed"]
    assert len(seen) == 4


def test_what_was_not_checked_is_told_and_noted(probed, other_store, oracle):
    """Without probes the model is taken, the caller is told, and the manifest says so."""
    said = []
    pull(other_store, "zoo/thing", probed, trust=Trust(say=lambda text, checked: said.append((text, checked))))
    assert [checked for _, checked in said] == [False]
    noted = other_store.manifest(oracle)["zoo"]["checked"]
    assert (noted["probed"], noted["probes"]) == (False, said[0][0])


def test_a_card_of_before_is_taken(location, store, other_store, oracle):
    """A card without probes, as they were once published, is accepted, and it is said that nothing was compared."""
    package = pack(store, oracle, "thing")
    assert b'"probes"' not in package.card.to_bytes()
    push(package, location)
    said = []
    pull(other_store, "zoo/thing", location, trust=Trust(gives(0), say=lambda text, _: said.append(text)))
    assert "the card has no probes" in said[0]


@pytest.mark.parametrize("location", ["folder"], indirect=True)
def test_a_planned_stage_is_probed_too(probed, other_store):
    """A stage that brings a model of the zoo refuses one with other scores; a copy of what was probed is not asked."""
    facts = pull(other_store, "zoo/thing", probed, trust=Trust(gives(1.5))).facts
    where = {"ref": facts.ref, "location": probed, "revision": facts.revision, "sha256": facts.sha256}
    want = Want("oracle", 1, {"a": 1}, externals={"oracle.model": facts.sha256}, locations={"zoo": where})
    path = pull_into(other_store, want, trust=Trust(gives(9)))
    assert other_store.manifest(path.name)["zoo"]["checked"]["probed"] is True
    other_store.verify(path.name)
    fresh = type(other_store)(other_store.root.with_name("fresh"))
    with pytest.raises(IntegrityError, match="probe"):
        pull_into(fresh, want, trust=Trust(gives(9)))
    assert not fresh.path(want.artifact).exists()
