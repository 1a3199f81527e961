"""Files in a folder or behind a URL: whole or absent, made exclusively, read back, within deadlines."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from drdoctl.core.errors import StageFailed, ZooError
from drdoctl.zoo import calls
from drdoctl.zoo.root import Root


@pytest.fixture(params=["folder", "memory"])
def root(request, tmp_path):
    """An empty place."""
    return Root(str(tmp_path / "zoo") if request.param == "folder" else f"memory://root-{tmp_path.name}")


def test_round_trip(root, tmp_path):
    """What was put is there, with its size and hash, and is found by a pattern; what was not is None."""
    source = tmp_path / "source"
    source.write_bytes(b"x" * 1000)
    root.put_file("a/b/big", source, 1000)
    root.put("a/b/small", b"text")
    assert root.glob("a/*/*") == ["a/b/big", "a/b/small"]
    assert (root.size("a/b/big"), root.size("a/none")) == (1000, None)
    assert (root.read("a/b/small"), root.read("a/none"), root.read("a/b/small/none")) == (b"text", None, None)
    assert root.sha256("a/b/big", 1000) == hashlib.sha256(b"x" * 1000).hexdigest()
    root.fetch("a/b/big", tmp_path / "target", 1000)
    assert (tmp_path / "target").read_bytes() == source.read_bytes()
    root.remove("a/b/big")
    root.remove("a/b/big")
    assert root.glob("a/b/*") == ["a/b/small"]


def test_created_once(root):
    """Of two who make a file the second is told so, and the first one's content stays."""
    root.create("refs/tags/v1", b"first")
    with pytest.raises(FileExistsError):
        root.create("refs/tags/v1", b"second")
    assert root.read("refs/tags/v1") == b"first"
    assert root.glob("refs/tags/*") == ["refs/tags/v1"]


def test_nothing_half(tmp_path, monkeypatch):
    """A write into a folder that breaks off leaves what was there before."""
    root = Root(str(tmp_path))
    root.put("refs/main", b"old")

    def half(path, data, **_):
        with open(path, "wb") as file:  # noqa: PTH123  # as fsspec does
            file.write(data[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(root.fs, "pipe_file", half)
    with pytest.raises(KeyboardInterrupt):
        root.put("refs/main", b"new")
    assert root.read("refs/main") == b"old"


def test_a_store_far_away_that_never_answers(tmp_path, monkeypatch):
    """A call that leaves this machine ends by its deadline with exit 4."""
    root = Root(f"memory://far-{tmp_path.name}")
    root.far = True
    monkeypatch.setenv(calls.TIMEOUT, "0.2")
    stop = threading.Event()
    monkeypatch.setattr(root.fs, "cat_file", lambda path: stop.wait(30))
    with pytest.raises(ZooError, match="no end after") as error:
        root.read("refs/main")
    stop.set()
    assert calls.TIMEOUT in error.value.faults[0].hint


def test_what_a_store_far_away_throws(tmp_path, monkeypatch):
    """An error of a storage's own library, such as missing credentials, is exit 4 and no traceback."""

    class NoCredentialsError(Exception):
        pass

    def refuse(path):
        raise NoCredentialsError("Unable to locate credentials")

    root = Root(f"memory://far-{tmp_path.name}")
    root.far = True
    monkeypatch.setattr(root.fs, "cat_file", refuse)
    with pytest.raises(ZooError, match="credentials"):
        root.read("refs/main")


@pytest.mark.parametrize("name", ["zoo[1]", "zoo*", "z?o"])
def test_a_location_with_signs_of_patterns(tmp_path, name):
    """A folder whose own name looks like a pattern is searched as any other."""
    root = Root(str(tmp_path / name))
    root.put("a/refs/main", b"text")
    assert root.glob("*/refs/main") == ["a/refs/main"]


def test_a_write_that_fails_leaves_nothing_beside(tmp_path, monkeypatch):
    """A full disk keeps no part of a file; what a killed writer left goes after a day, what may be in use stays."""
    root = Root(str(tmp_path))
    for name, age in (("main.old.tmp", 2 * 86400), ("main.new.tmp", 0), ("other.old.tmp", 2 * 86400)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)

    def full(path, data, **_):
        Path(path).write_bytes(data[:1])
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(root.fs, "pipe_file", full)
    with pytest.raises(StageFailed, match="No space left"):
        root.put("main", b"data")
    with pytest.raises(ZooError, match="no room"):
        root.create("tag", b"data")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["main.new.tmp", "other.old.tmp"]
