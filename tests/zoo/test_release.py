"""How a push to the Hub goes: by way of a branch, and on from wherever an earlier one ended."""

from __future__ import annotations

from dataclasses import replace

import pytest
import zoo_things
from hub_server import faults

from drdoctl.core.errors import ZooError
from drdoctl.zoo.location import open_zoo
from drdoctl.zoo.push import pack, push

CARD = "drdoctl.json"


def _push(store, artifact, **options):
    return push(pack(store, artifact, "thing"), "hub:org", **options)


def _other(store, seed=1):
    return zoo_things.make_artifact(store, "oracle", seed=seed)


def test_order(hub, store, oracle):
    """Branch, commit on it, read back, tag, commit on `main`, branch away: in this order, each once."""
    _push(store, oracle, tag="v1")
    parts = ("/branch/", "/commit/", "/tag/", "/tree/", f"/{CARD}")
    order = [(method, part) for method, _, path, _ in hub.log for part in parts if part in path]
    first = [entry for number, entry in enumerate(order) if entry not in order[:number]]
    assert first == [
        ("GET", "/tree/"),
        ("POST", "/branch/"),
        ("POST", "/commit/"),
        ("HEAD", f"/{CARD}"),
        ("POST", "/tag/"),
        ("DELETE", "/branch/"),
    ]
    assert [path.rsplit("/", 1)[1][:7] for method, _, path, _ in hub.log if "/commit/" in path] == ["publish", "main"]


def test_the_tag_and_main_are_the_same_content(hub, store, oracle):
    """The tag's commit and that of `main` hold the same tree, and no other branch is left."""
    tagged = _push(store, oracle, tag="v1")
    repo = hub.repos["org/thing"]
    assert repo.commits[tagged] == repo.commits[repo.head]
    assert set(repo.branches) == {"main"}


def test_no_byte_goes_up_twice(hub, store, oracle):
    """Though there are two commits, each large file is sent once; a second push sends nothing at all."""
    _push(store, oracle, tag="v1")
    sent = [path for method, _, path, _ in hub.log if method == "PUT"]
    assert len(sent) == len(set(sent)) > 0
    hub.log.clear()
    _push(store, oracle, tag="v1")
    assert {method for method, *_ in hub.log} == {"GET", "POST"}
    assert [path for method, _, path, _ in hub.log if method == "POST"] == ["/api/repos/create"]


def test_a_tag_for_what_is_there(hub, store, oracle):
    """A tag for what `main` holds already is a tag and nothing else."""
    first = _push(store, oracle)
    assert _push(store, oracle, tag="v1") == first
    assert hub.repos["org/thing"].tags == {"v1": first}


@pytest.mark.parametrize("part", ["/commit/publish-", "/tag/", "/commit/main", "/branch/publish-"])
def test_goes_on_where_it_ended(hub, store, oracle, part):
    """A push that could not go on leaves its branch; the next one goes on with it and commits nothing anew."""
    _push(store, oracle, tag="v1")
    repo, other = hub.repos["org/thing"], _other(store)
    method = "DELETE" if part.startswith("/branch") else "POST"
    hub.fault = faults((method, part, "503"), times=99)
    with pytest.raises(ZooError, match="503"):
        _push(store, other, tag="v2")
    assert len(repo.branches) == 2
    had = set(repo.commits)
    hub.fault = faults()
    hub.log.clear()
    revision = _push(store, other, tag="v2")
    assert repo.tags["v2"] == revision
    assert set(repo.branches) == {"main"}
    assert len(repo.history) == 3
    assert hub.count("POST", "/commit/") == len(set(repo.commits) - had)


def test_content_of_the_same_size_is_mended(hub, store, oracle):
    """A file on `main` that was changed, size and all but its hash, is not taken for ours: the next push mends it."""
    first = _push(store, oracle)
    repo = hub.repos["org/thing"]
    config = hub.blobs[repo.commits[first]["config.json"]]
    repo.commit({**repo.commits[first], "config.json": hub.put(config.replace(b"llama", b"lIama"))})
    assert repo.commits[_push(store, oracle)] == repo.commits[first]


def test_a_tag_that_is_taken_leaves_no_branch(hub, store, oracle):
    """Where somebody takes the tag while ours is on its way, `main` stays, our branch goes, and the exit code is 4."""
    _push(store, oracle, tag="v1")
    repo, head = hub.repos["org/thing"], hub.repos["org/thing"].head

    def race(method, path):
        if method == "POST" and "/tag/" in path:
            repo.tags.setdefault("v2", head)

    hub.fault = race
    with pytest.raises(ZooError, match="tag `v2`"):
        _push(store, _other(store), tag="v2")
    assert (repo.head, repo.tags["v2"], set(repo.branches)) == (head, head, {"main"})


def test_main_moves_on_while_the_branch_goes(hub, store, oracle):
    """Once our commit is on `main`, a newer one of somebody else's stays there, whatever our last request meets."""
    _push(store, oracle)
    repo, theirs = hub.repos["org/thing"], []

    def meddle(method, path):
        if method == "DELETE" and not theirs:
            theirs.append(repo.commit({**repo.commits[repo.head], "config.json": hub.put(b'{"theirs": 1}')}))
            return "503"
        return None

    hub.fault = meddle
    ours = _push(store, _other(store))
    assert repo.head == theirs[0] != ours
    assert set(repo.branches) == {"main"}


def test_a_repository_opened_while_pushing(hub, store, oracle):
    """A private push that has to look again and finds the repository public stops there."""
    _push(store, oracle)
    repo, head = hub.repos["org/thing"], hub.repos["org/thing"].head

    def meddle(method, path):
        if method == "POST" and "/branch/" in path:
            repo.private = False
            return "503"
        return None

    hub.fault = meddle
    with pytest.raises(ZooError, match="public"):
        _push(store, _other(store))
    assert repo.head == head
    assert hub.count("POST", "/commit/") == 2


def test_a_signature_goes_up_and_stays(hub, store, oracle):
    """A signature lies beside the card at tag and `main`; pushing unsigned again leaves it, other content does not."""
    zoo, package = open_zoo("hub:org"), pack(store, oracle, "thing")
    upload = replace(package.upload("v1", "hub:org", private=True), signature=b"one")
    revision = zoo.publish("thing", upload)
    assert zoo.publish("thing", replace(upload, signature=None)) == revision
    for where in (revision, zoo.resolve("thing")):
        assert zoo.signature("thing", where) == b"one"
        assert set(zoo.listing("thing", where)) == set(zoo_things.FILES)
    assert len(hub.repos["org/thing"].history) == 2
    unsigned = _push(store, _other(store))
    assert zoo.signature("thing", unsigned) is None
