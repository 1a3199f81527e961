"""What every kind of zoo must do alike: a folder, memory://, and the Hub."""

from __future__ import annotations

import threading

import pytest
import zoo_things

from drdoctl.core.errors import IntegrityError, UserError, ZooError
from drdoctl.core.fingerprint import file_sha256
from drdoctl.zoo.location import open_zoo, parse_ref
from drdoctl.zoo.pull import pull, pull_to
from drdoctl.zoo.push import pack, push
from drdoctl.zoo.resolve import look_up
from drdoctl.zoo.verify import verify_folder, verify_zoo


def _push(store, artifact, location, name="thing", **options):
    return push(pack(store, artifact, name), location, **options)


def test_round_trip(location, store, other_store, oracle):
    """What is pushed here and pulled elsewhere is the same artifact: same name, same published files, sound."""
    _push(store, oracle, location)
    pulled = pull(other_store, "zoo/thing", location)
    assert pulled.path == other_store.path(oracle)
    for name in zoo_things.FILES:
        assert file_sha256(pulled.path / name) == file_sha256(store.path(oracle) / name)
    assert not (pulled.path / "metrics.jsonl").exists()
    here, there = store.manifest(oracle), other_store.manifest(oracle)
    same = (
        "kind",
        "id",
        "spec_name",
        "fingerprint",
        "version",
        "settings",
        "inputs",
        "externals",
        "metrics",
        "created",
    )
    assert {key: here[key] for key in same} == {key: there[key] for key in same}
    assert verify_folder(pulled.path).files == len(zoo_things.FILES)


def test_second_pull_fetches_nothing(location, store, other_store, oracle):
    """A second pull of the same revision is a no-op."""
    _push(store, oracle, location)
    assert set(pull(other_store, "zoo/thing", location).fetched) == set(zoo_things.FILES)
    assert pull(other_store, "zoo/thing", location).fetched == ()


def test_push_is_idempotent(location, store, oracle):
    """Pushing the same artifact again, tag included, gives the same revision."""
    first = _push(store, oracle, location, tag="v1")
    assert _push(store, oracle, location, tag="v1") == first
    assert open_zoo(location).tags("thing") == {"v1": first}


def test_revisions(location, store, oracle):
    """A tag and an id go on meaning the old content when the name gets new content."""
    other = zoo_things.make_artifact(store, "oracle", seed=1)
    first = _push(store, oracle, location, tag="v1")
    second = _push(store, other, location, tag="v2")
    zoo = open_zoo(location)
    newest = zoo.resolve("thing")
    assert newest == zoo.resolve("thing", "main")
    assert zoo.card("thing", newest) == zoo.card("thing", second) != zoo.card("thing", first)
    assert zoo.resolve("thing", "v2") == second
    assert zoo.resolve("thing", "v1") == zoo.resolve("thing", first) == first
    assert look_up(parse_ref("zoo/thing@v1"), location).card.artifact == oracle
    assert zoo.names() == ["thing"]


def test_tags_never_move(location, store, oracle):
    """A tag that names other content is refused with exit 4, and `main` stays where it was."""
    first = _push(store, oracle, location, tag="v1")
    other = zoo_things.make_artifact(store, "oracle", seed=1)
    with pytest.raises(ZooError, match="tag `v1`") as error:
        _push(store, other, location, tag="v1")
    assert error.value.faults[0].code == "tag-exists"
    zoo = open_zoo(location)
    assert zoo.card("thing", zoo.resolve("thing")) == zoo.card("thing", first)


def test_an_old_tag_again(location, store, oracle):
    """Pushing what an older tag names once more changes nothing: `main` stays with the newest."""
    other = zoo_things.make_artifact(store, "oracle", seed=1)
    first = _push(store, oracle, location, tag="v1")
    _push(store, other, location, tag="v2")
    zoo = open_zoo(location)
    newest = zoo.resolve("thing")
    assert _push(store, oracle, location, tag="v1") == first
    assert zoo.resolve("thing") == newest


def test_two_push_one_tag(location, store, oracle):
    """Of two that push different content under one tag at once, one wins; the other is exit 4 and moves nothing."""
    artifacts = [oracle, zoo_things.make_artifact(store, "oracle", seed=1)]
    packages = [pack(store, artifact, "thing") for artifact in artifacts]
    ready, won, lost = threading.Barrier(2), [], []

    def one(package):
        ready.wait()
        try:
            won.append((push(package, location, tag="v1"), package.card.artifact))
        except ZooError as error:
            lost.append((error.exit_code, error.faults[0].code))

    threads = [threading.Thread(target=one, args=[package]) for package in packages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == [(4, "tag-exists")]
    ((revision, artifact),) = won
    zoo = open_zoo(location)
    assert zoo.tags("thing") == {"v1": revision}
    assert {look_up(parse_ref(ref), location).card.artifact for ref in ("zoo/thing", "zoo/thing@v1")} == {artifact}


def test_damage_is_mended_by_pushing_again(location, store, other_store, oracle):
    """A file that was changed in the zoo, with its size kept, is as published after the next push of the same."""
    revision = _push(store, oracle, location)
    zoo_things.damage(open_zoo(location), revision, "config.json")
    with pytest.raises(IntegrityError, match=r"config\.json"):
        pull(other_store, "zoo/thing", location)
    _push(store, oracle, location)
    assert set(pull(other_store, "zoo/thing", location).fetched) == set(zoo_things.FILES)


def test_stale_files_do_not_stay(location, store, other_store, oracle):
    """A revision holds its card's files only, though the one before it had more."""
    files = {**zoo_things.FILES, "merges.txt": b"a b\n"}
    _push(store, zoo_things.make_artifact(store, "oracle", files, seed=1), location)
    last = _push(store, oracle, location)
    assert set(open_zoo(location).listing("thing", last)) == set(zoo_things.FILES)
    assert set(pull(other_store, "zoo/thing", location).fetched) == set(zoo_things.FILES)


def test_unknown_names_and_revisions(location, store, oracle):
    """What is not there is exit 4, with the nearest name or the tags there are."""
    _push(store, oracle, location, tag="v1")
    with pytest.raises(ZooError) as error:
        look_up(parse_ref("zoo/thin"), location)
    assert "did you mean `thing`?" in (error.value.faults[0].hint or "")
    with pytest.raises(ZooError) as error:
        look_up(parse_ref("zoo/thing@v9"), location)
    assert "`v1`" in (error.value.faults[0].hint or "")


def test_allow_list(location, store, other_store):
    """Stray and secret files in an artifact's folder are never uploaded."""
    stray = {".env": b"SECRET=1", "train.parquet": b"PAR1", "optimizer.pt": b"x", "log.txt": b"hello"}
    artifact = zoo_things.make_artifact(store, "align", extra=stray)
    (store.path(artifact) / "notes.json").write_text("{}", encoding="utf-8")
    package = pack(store, artifact, "student")
    assert set(package.left_out) == {".env", "train.parquet", "optimizer.pt", "metrics.jsonl"}
    revision = push(package, location)
    assert set(open_zoo(location).listing("student", revision)) == set(zoo_things.FILES)


def test_card_round_trips_between_zoos(location, store, other_store, oracle, tmp_path):
    """Pushed on from the store that pulled it, the card has the same files and the same identity."""
    _push(store, oracle, location)
    pull(other_store, "zoo/thing", location)
    first = look_up(parse_ref("zoo/thing"), location).card
    second = pack(other_store, oracle, "thing").card
    assert second.to_bytes() == first.to_bytes()


def test_verify_zoo(location, store, oracle):
    """A sound model verifies, and the report counts its files and bytes."""
    _push(store, oracle, location)
    found = verify_zoo("zoo/thing", location)
    assert (found.files, found.size) == (len(zoo_things.FILES), sum(map(len, zoo_things.FILES.values())))


def test_pull_to_a_folder(location, store, oracle, tmp_path):
    """`--to DIR` leaves the files with their card; a folder with something else in it is refused."""
    _push(store, oracle, location)
    target = tmp_path / "deep" / "model"
    pull_to(target, "zoo/thing", location)
    assert verify_folder(target).files == len(zoo_things.FILES)
    assert pull_to(target, "zoo/thing", location).fetched == ()
    (target / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError):
        pull_to(target, "zoo/thing", location)


def test_hostile_content_is_refused(location, other_store, tmp_path):
    """Content that is not what its name says is refused with exit 5 in any zoo, and nothing is installed."""
    zoo_things.publish(location, tmp_path, {**zoo_things.FILES, "model.safetensors": b"\x80\x04cos\nsystem\n." * 100})
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        pull(other_store, "zoo/thing", location)
    assert list(other_store.artifacts.iterdir()) == []
