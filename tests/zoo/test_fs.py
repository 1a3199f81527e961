"""The zoo in a folder, from the inside: what lies where, and what happens when it is edited or raced for."""

from __future__ import annotations

import itertools
import multiprocessing

import pytest
import zoo_things

from drdoctl.core.errors import IntegrityError, UserError, ZooError
from drdoctl.zoo.fs import FsZoo
from drdoctl.zoo.pull import pull
from drdoctl.zoo.push import pack, push
from drdoctl.zoo.root import Root
from drdoctl.zoo.verify import verify_zoo

CHANGED = {**zoo_things.FILES, "model.safetensors": zoo_things.safetensors(b"\1" * 1024)}


def test_layout(tmp_path, store, oracle):
    """Blobs lie under their hash, cards under their id, pointers hold an id; nothing else is left."""
    root = tmp_path / "zoo"
    revision = push(pack(store, oracle, "thing"), str(root), tag="v1")
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    card = pack(store, oracle, "thing").card
    blobs = {f"blobs/sha256/{entry.sha256[:2]}/{entry.sha256}" for entry in card.files.values()}
    assert found == blobs | {f"thing/revisions/{revision}.json", "thing/refs/main", "thing/refs/tags/v1"}
    assert (root / "thing/refs/tags/v1").read_text(encoding="ascii") == revision
    assert (root / f"thing/revisions/{revision}.json").read_bytes() == card.to_bytes()


def test_names_share_contents(tmp_path, store, oracle):
    """The same file under two names is stored once."""
    root = tmp_path / "zoo"
    push(pack(store, oracle, "one"), str(root))
    push(pack(store, oracle, "two"), str(root))
    assert len([path for path in (root / "blobs").rglob("*") if path.is_file()]) == len(zoo_things.FILES)
    assert FsZoo(str(root)).names() == ["one", "two"]


def _edit(zoo, what):
    card = zoo.card("thing")
    blob = zoo.blob(card["files"]["model.safetensors"]["sha256"])
    if what == "flip":
        data = bytearray(blob.read_bytes())
        data[-1] ^= 1
        blob.write_bytes(data)
    elif what == "cut":
        blob.write_bytes(blob.read_bytes()[:-1])
    elif what == "gone":
        blob.unlink()
    elif what == "swap":
        blob.write_bytes(zoo_things.safetensors(b"\1" * 1024))
    elif what == "card":
        (path,) = (zoo.root / "thing/revisions").iterdir()
        path.write_text(path.read_text(encoding="utf-8").replace('"small"', '"other"'), encoding="utf-8")


@pytest.mark.parametrize("what", ["flip", "cut", "gone", "swap", "card"])
def test_tampering(what, folder_zoo, store, other_store, oracle):
    """A changed, cut, missing or swapped blob and an edited card are exit 5, and nothing is installed."""
    push(pack(store, oracle, "thing"), folder_zoo.location)
    _edit(folder_zoo, what)
    named = "card" if what == "card" else r"model\.safetensors"
    with pytest.raises(IntegrityError, match=named):
        pull(other_store, "zoo/thing", folder_zoo.location)
    with pytest.raises(IntegrityError, match=named):
        verify_zoo("zoo/thing", folder_zoo.location)
    assert not other_store.path(oracle).exists()


@pytest.mark.parametrize("text", ["", "junk", "0" * 39])
def test_a_broken_pointer_is_named_and_mended(text, folder_zoo, store, other_store, oracle):
    """`refs/main` without an id is said to be that; pushing again writes it anew."""
    push(pack(store, oracle, "thing"), folder_zoo.location)
    (folder_zoo.root / "thing/refs/main").write_text(text, encoding="ascii")
    with pytest.raises(ZooError, match=r"refs/main"):
        pull(other_store, "zoo/thing", folder_zoo.location)
    push(pack(store, oracle, "thing"), folder_zoo.location)
    assert pull(other_store, "zoo/thing", folder_zoo.location).path.is_dir()


def test_a_cut_blob_is_mended_by_pushing_again(folder_zoo, store, other_store, oracle):
    """A blob that a crash left short is written anew by the next push of the same artifact."""
    push(pack(store, oracle, "thing"), folder_zoo.location)
    _edit(folder_zoo, "cut")
    push(pack(store, oracle, "thing"), folder_zoo.location)
    assert pull(other_store, "zoo/thing", folder_zoo.location).path.is_dir()


def _race(root, number, start, results):
    zoo = Root(root)
    start.wait()
    try:
        zoo.create("thing/refs/tags/v1", f"{number:040x}".encode())
        results.put(number)
    except FileExistsError:
        results.put(None)


def test_racers_for_a_tag(tmp_path):
    """Of four processes that make one tag at once, one wins, and the tag holds what the winner wrote."""
    context = multiprocessing.get_context("fork")
    start, results = context.Event(), context.Queue()
    racers = [context.Process(target=_race, args=(str(tmp_path), number, start, results)) for number in range(4)]
    for racer in racers:
        racer.start()
    start.set()
    answers = [results.get(timeout=20) for _ in racers]
    for racer in racers:
        racer.join()
    (winner,) = [answer for answer in answers if answer is not None]
    assert int((tmp_path / "thing/refs/tags/v1").read_text(encoding="ascii"), 16) == winner
    assert [path.name for path in (tmp_path / "thing/refs/tags").iterdir()] == ["v1"]


def test_a_url_that_cannot_be_opened():
    """An unknown kind of URL is exit 2 with a remedy."""
    with pytest.raises(UserError, match="nosuch"):
        FsZoo("nosuch://bucket/zoo")


def test_no_permission(tmp_path, monkeypatch):
    """A store that refuses access is exit 4, not a traceback."""
    zoo = FsZoo(str(tmp_path))

    def refuse(*_, **__):
        raise PermissionError("Forbidden")

    monkeypatch.setattr(zoo.root.fs, "glob", refuse)
    with pytest.raises(ZooError, match="Forbidden"):
        zoo.names()


def test_pointer_to_nowhere(tmp_path, store, oracle):
    """A pointer with junk in it counts as not there."""
    push(pack(store, oracle, "thing"), str(tmp_path / "zoo"))
    (tmp_path / "zoo/thing/refs/main").write_bytes(b"../../etc/passwd")
    with pytest.raises(ZooError):
        FsZoo(str(tmp_path / "zoo")).resolve("thing")


class Ended(BaseException):
    """The process is gone."""


class Writes:
    """Counts what is written to a zoo, and ends the process at one write: before it, or once it is `done`."""

    def __init__(self, monkeypatch, number=None, *, done=False):
        """`number`: of the write to end at, from 0."""
        self.count, self.number, self.done = 0, number, done
        for name in ("put", "put_file", "create", "remove"):
            monkeypatch.setattr(Root, name, self.counted(getattr(Root, name)))

    def counted(self, write):
        def call(*arguments):
            last = self.count == self.number
            self.count += 1
            if last and not self.done:
                raise Ended
            write(*arguments)
            if last:
                raise Ended

        return call


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_a_push_that_ends_at_any_write(kind, tmp_path, store, oracle, monkeypatch):
    """Whichever write was the last, done or not: tags and `main` are whole, and the next push ends as one alone."""
    other = zoo_things.make_artifact(store, "oracle", CHANGED, seed=1)
    packages = [pack(store, name, "thing") for name in (oracle, other)]

    def begin(name):
        place = f"memory://{tmp_path.name}-{name}" if kind == "memory" else str(tmp_path / name)
        push(packages[0], place, tag="v1")
        return place

    place = begin("alone")
    with monkeypatch.context() as patches:
        writes = Writes(patches)
        push(packages[1], place, tag="v2")
    assert writes.count == 6  # a blob, the card, a mark, the tag, `main`, the mark away
    for number, done in itertools.product(range(writes.count), (False, True)):
        place = begin(f"{number}-{done}")
        with monkeypatch.context() as patches:
            Writes(patches, number, done=done)
            with pytest.raises(Ended):
                push(packages[1], place, tag="v2")
        zoo = FsZoo(place)
        for ref in ("zoo/thing", *(f"zoo/thing@{tag}" for tag in zoo.tags("thing"))):
            verify_zoo(ref, place)
        revision = push(packages[1], place, tag="v2")
        assert zoo.tags("thing")["v2"] == zoo.resolve("thing") == revision
        assert zoo.root.glob("thing/refs/unfinished/*") == []


@pytest.mark.parametrize("there", [False, True], ids=["nothing", "a file"])
def test_a_mistyped_folder_is_named(tmp_path, there):
    """Where there is no folder, a list of names is exit 4, not an empty one; so is a name looked up there."""
    place = tmp_path / "typo"
    if there:
        place.write_text("no zoo")
    zoo = FsZoo(str(place))
    for ask in (zoo.names, lambda: zoo.resolve("thing")):
        with pytest.raises(ZooError, match="there is no folder") as error:
            ask()
        assert error.value.faults[0].code == "zoo-missing"
