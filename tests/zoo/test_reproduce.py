"""The spec and the plan in a card: from the journal of the run, without what only one machine knows."""

from __future__ import annotations

import zoo_things

from drdoctl.core.fingerprint import digest
from drdoctl.store.artifact import Store
from drdoctl.store.run import Run
from drdoctl.zoo.pull import pull
from drdoctl.zoo.push import pack, push
from drdoctl.zoo.reproduce import note, portable

VALUES = {
    "version": 1,
    "name": "small",
    "data": {"source": {"jsonl": "/home-of/somebody/secret/pairs.jsonl"}, "split": ["hard"]},
    "student": {"model": "../models/mine", "tokenizer": "~/tokenizers/one", "revision": "c" * 40},
    "oracle": {"model": "facebook/opt-1.3b"},
    "evaluate": [{"name": "oracle-quality", "pairs": "data/pairs.jsonl"}],
    "publish": {"sign_key": "key.pem"},
    "resources": {"device": "cuda"},
    "zoo": "shared/zoo",
}


def _run(store, artifact, values=VALUES):
    run = Run.start(store, "small")
    note(run, values, {"oracle": "ab" * 32})
    line = {"id": "oracle", "kind": "oracle", "artifact": artifact, "action": "create"}
    run.emit("plan", stages=[line], summary={})
    run.finish(0)


def test_what_one_machine_knows_stays_there():
    """Paths out of the spec's folder become file names; where to compute and publish is left out, a Hub zoo is not."""
    found = portable(VALUES)
    assert found["data"] == {"source": {"jsonl": "pairs.jsonl"}, "split": ["hard"]}
    assert found["student"] == {"model": "mine", "tokenizer": "one", "revision": "c" * 40}
    assert found["oracle"] == {"model": "facebook/opt-1.3b"}
    assert found["evaluate"][0]["pairs"] == "data/pairs.jsonl"
    assert not {"publish", "resources", "zoo"} & found.keys()
    assert portable({"zoo": "hub:org"}) == {"zoo": "hub:org"}
    assert portable({"zoo": "s3://bucket/zoo"}) == {"zoo": "s3://bucket/zoo"}


def test_the_card_holds_the_spec_of_the_run_that_made_it(store, oracle, tmp_path):
    """Spec and plan come from the first run that planned the artifact, and stay when it is pulled and pushed on."""
    assert pack(store, oracle, "thing").card.whole_spec == {}
    _run(store, "oracle-000000000000", {"version": 1, "name": "other"})
    _run(store, oracle)
    _run(store, oracle, {"version": 1, "name": "later"})
    card = pack(store, oracle, "thing").card
    assert (card.whole_spec, card.plan_sha256) == (portable(VALUES), digest({"oracle": "ab" * 32}))
    push(pack(store, oracle, "thing"), str(tmp_path / "zoo"))
    elsewhere = Store(tmp_path / "elsewhere")
    pull(elsewhere, "zoo/thing", str(tmp_path / "zoo"))
    assert pack(elsewhere, oracle, "thing").card.to_bytes() == card.to_bytes()


def test_parents_are_pinned(store, student, tmp_path):
    """A student's card names the artifacts it rests on by fingerprint, nearest first, with what they read outside."""
    made = store.manifest(student)
    parents = pack(store, student, "student").card.parents
    assert {one.id: one.fingerprint for one in parents} == {
        made["input_ids"][role]: mark for role, mark in made["inputs"].items()
    }
    assert {one.id: one.externals for one in parents}["sft"] == {"student.model": "c" * 40}
    assert pack(store, student, "student").card.figures == zoo_things.FIGURES
