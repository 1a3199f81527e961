"""A zoo in a bucket: what a real S3 API adds to what all kinds of zoo are tested for."""

from __future__ import annotations

import multiprocessing
import socket

import pytest
import zoo_things

from drdoctl.core.errors import UserError, ZooError
from drdoctl.zoo import calls
from drdoctl.zoo.location import open_zoo
from drdoctl.zoo.push import pack, push
from drdoctl.zoo.root import Root
from drdoctl.zoo.verify import verify_zoo


def _race(location, number, start, results):
    root = Root(location)
    start.wait()
    try:
        root.create("thing/refs/tags/v1", f"{number:040x}".encode())
        results.put(number)
    except FileExistsError:
        results.put(None)


def test_racers_for_a_tag(s3):
    """Of four processes that make one tag at once, one wins, and the tag holds what the winner wrote."""
    context = multiprocessing.get_context("fork")
    start, results = context.Event(), context.Queue()
    racers = [context.Process(target=_race, args=(s3, number, start, results)) for number in range(4)]
    for racer in racers:
        racer.start()
    start.set()
    answers = [results.get(timeout=60) for _ in racers]
    for racer in racers:
        racer.join()
    (winner,) = [answer for answer in answers if answer is not None]
    assert int(Root(s3).read("thing/refs/tags/v1") or b"", 16) == winner


def test_layout(s3, store, oracle):
    """The bucket holds what a folder would: blobs, a card, two pointers, and nothing of the push itself."""
    revision = push(pack(store, oracle, "thing"), s3, tag="v1")
    root = Root(s3)
    assert len(root.glob("blobs/sha256/*/*")) == len(zoo_things.FILES)
    expected = ["refs/main", "refs/tags/v1", f"revisions/{revision}.json"]
    assert root.fs.find(f"{root.path}/thing") == [f"{root.path}/thing/{path}" for path in expected]


def test_what_was_written_is_read_back_from_the_bucket(s3, store, oracle, monkeypatch):
    """A blob that the bucket does not hold as it was sent ends the push with exit 5, before any pointer is written."""
    from drdoctl.core.errors import IntegrityError

    zoo = open_zoo(s3)
    whole = zoo.root.put_file
    monkeypatch.setattr(
        Root, "put_file", lambda root, path, source, size: (whole(path, source, size), root.put(path, b"?" * size))
    )
    with pytest.raises(IntegrityError, match="read back"):
        push(pack(store, oracle, "thing"), s3, tag="v1")
    assert zoo.root.glob("thing/**") == []


def test_a_bucket_that_is_not_there(s3, store, oracle):
    """Reading and writing a bucket that nobody made are exit 4: a mistyped name makes no bucket."""
    with pytest.raises(ZooError):
        push(pack(store, oracle, "thing"), "s3://no-such-bucket/zoo")
    with pytest.raises(ZooError):
        verify_zoo("zoo/thing", "s3://no-such-bucket/zoo")


def test_a_server_that_never_answers(store, oracle, monkeypatch):
    """The storage's own library would try for many minutes: the push ends by its deadline, with exit 4."""
    s3fs = pytest.importorskip("s3fs", reason="needs s3fs: pip install 'drdoctl[dev]'")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "x")
    s3fs.S3FileSystem.clear_instance_cache()  # they know the address of another test
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv(calls.TIMEOUT, "0.5")
        with pytest.raises(ZooError, match="no end after"):
            push(pack(store, oracle, "thing"), "s3://silent/zoo")
    s3fs.S3FileSystem.clear_instance_cache()


def test_credentials_in_the_address(s3):
    """Keys in the URL would end up in plans and cards: refused, with the remedy."""
    with pytest.raises(UserError, match="password"):
        open_zoo("s3://key:secret@zoo/thing")
