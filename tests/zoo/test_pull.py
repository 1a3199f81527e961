"""Pulling into a store that others use too, and for a plan."""

from __future__ import annotations

import multiprocessing
import threading
from contextlib import contextmanager

import pytest
import zoo_things

from drdoctl.core.errors import IntegrityError
from drdoctl.stages import Want
from drdoctl.store.artifact import Store
from drdoctl.zoo import staging
from drdoctl.zoo.location import parse_ref
from drdoctl.zoo.pull import pull, pull_into
from drdoctl.zoo.push import pack, push
from drdoctl.zoo.resolve import look_up


@pytest.fixture
def published(store, oracle, folder_zoo):
    """`zoo/thing` in a folder zoo; the value is its location."""
    push(pack(store, oracle, "thing"), folder_zoo.location, tag="v1")
    return folder_zoo.location


def _pull(root, location, results):
    results.put(str(pull(Store(root), "zoo/thing", location).path))


def test_two_pulls_at_once(published, oracle, tmp_path):
    """Four processes that pull the same name into one store all end well, with one whole artifact."""
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    root = tmp_path / "shared"
    pulls = [context.Process(target=_pull, args=(root, published, results)) for _ in range(4)]
    for one in pulls:
        one.start()
    paths = {results.get(timeout=20) for _ in pulls}
    for one in pulls:
        one.join()
    assert paths == {str(Store(root).path(oracle))}
    Store(root).verify(oracle)


def test_other_weights_of_the_same_name(published, other_store, oracle):
    """An artifact made here from the same settings, but with other bits, is never replaced: exit 5."""
    files = {**zoo_things.FILES, "model.safetensors": zoo_things.safetensors(b"\1" * 1024)}
    other_store.prepare()
    assert zoo_things.make_artifact(other_store, "oracle", files) == oracle
    with pytest.raises(IntegrityError, match="other weights"):
        pull(other_store, "zoo/thing", published)
    other_store.verify(oracle)


def test_a_folder_without_manifest_is_replaced(published, other_store, oracle):
    """What lies in the artifact's place without a manifest is not an artifact and gives way."""
    other_store.path(oracle).mkdir(parents=True)
    (other_store.path(oracle) / "junk").write_bytes(b"x")
    pull(other_store, "zoo/thing", published)
    assert not (other_store.path(oracle) / "junk").exists()


def test_manifest_says_where_it_came_from(published, other_store, oracle):
    """The rebuilt manifest notes zoo, name, revision and licence."""
    pulled = pull(other_store, "zoo/thing@v1", published)
    noted = other_store.manifest(oracle)["zoo"]
    assert (noted["location"], noted["ref"], noted["license"]) == (published, "zoo/thing@v1", None)
    assert noted["revision"] == pulled.facts.revision


def _want(facts, location, **changes):
    where = {"ref": facts.ref, "location": location, "revision": facts.revision, "sha256": facts.sha256, **changes}
    return Want(
        "oracle", 1, {"oracle.model": "zoo/thing"}, externals={"oracle.model": facts.sha256}, locations={"zoo": where}
    )


def test_pull_for_a_planned_stage(published, other_store):
    """A planned stage gets the model under its own name, complete and sound, and a second call does nothing."""
    facts = look_up(parse_ref("zoo/thing"), published)
    want = _want(facts, published)
    path = pull_into(other_store, want)
    assert path == other_store.path(want.artifact)
    assert other_store.manifest(want.artifact)["fingerprint"] == want.fingerprint
    other_store.verify(want.artifact)
    assert pull_into(other_store, want) == path


def test_a_planned_stage_without_the_network(hub, store, other_store, oracle):
    """What was pulled by hand serves a planned stage offline: no request, and no second copy on disk."""
    push(pack(store, oracle, "thing"), "hub:org")
    facts = pull(other_store, "zoo/thing", "hub:org").facts
    hub.log.clear()
    want = _want(facts, "hub:org")
    path = pull_into(other_store, want, offline=True)
    assert hub.log == []
    assert (path / "model.safetensors").samefile(other_store.path(oracle) / "model.safetensors")
    other_store.verify(want.artifact)


def test_a_name_that_moved_since_the_plan(published, store, other_store):
    """Where the zoo no longer gives what was planned with, nothing is installed: exit 5."""
    facts = look_up(parse_ref("zoo/thing"), published)
    push(
        pack(
            store,
            zoo_things.make_artifact(store, "oracle", {**zoo_things.FILES, "merges.txt": b"a b\n"}, seed=1),
            "thing",
        ),
        published,
    )
    want = _want(facts, published, revision=None)
    with pytest.raises(IntegrityError, match="planned"):
        pull_into(other_store, want)
    pinned = _want(facts, published)
    assert pull_into(other_store, pinned).is_dir()


def _pull_until_killed(root, location, reached):
    """Pull, and stop for good once one file is whole: the parent kills this process there."""

    def report(name, size):
        reached.set()
        threading.Event().wait()

    pull(Store(root), "zoo/thing", location, report=report)


def test_kill_in_the_middle_of_a_pull(published, other_store, oracle):
    """After kill -9 nothing is installed; the next pull keeps the file that was whole and fetches the rest."""
    context = multiprocessing.get_context("fork")
    reached = context.Event()
    child = context.Process(target=_pull_until_killed, args=(other_store.root, published, reached))
    child.start()
    assert reached.wait(20)
    child.kill()
    child.join()
    assert not other_store.path(oracle).exists()
    assert set(pull(other_store, "zoo/thing", published).fetched) == set(zoo_things.FILES) - {"config.json"}
    other_store.verify(oracle)
    assert list((other_store.root / "cache" / "pulls").iterdir()) == []


def test_other_weights_that_came_while_a_pull_waited(published, other_store, oracle, monkeypatch):
    """What another process installs meanwhile is examined like what was there before: exit 5."""
    files = {**zoo_things.FILES, "model.safetensors": zoo_things.safetensors(b"\1" * 1024)}
    plain = staging.alone

    @contextmanager
    def slow(*what):
        zoo_things.make_artifact(other_store, "oracle", files)
        with plain(*what):
            yield

    monkeypatch.setattr("drdoctl.zoo.pull.alone", slow)
    with pytest.raises(IntegrityError, match="other weights"):
        pull(other_store, "zoo/thing", published)
