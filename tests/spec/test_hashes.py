"""Hashes of files: right, remembered, and never trusted where the file moved."""

from __future__ import annotations

import json
import os
import time
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drdoctl.spec import hashes
from drdoctl.spec.hashes import Hashes


@pytest.fixture
def settled(monkeypatch):
    """Let files that were just written count as settled."""
    monkeypatch.setattr(hashes, "SETTLED_SECONDS", -1.0)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_hash_size_and_lines(tmp_path, content):
    """The hash is the bytes' sha256, and the rows are the lines, a last one without its end included."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    found = Hashes(None).file(path)
    assert (found.sha256, found.size) == (sha256(content).hexdigest(), len(content))
    assert found.rows == len(content.split(b"\n")) - (content.endswith(b"\n") or not content)


def test_an_unchanged_file_is_read_once(tmp_path, settled, monkeypatch):
    """What the store remembers is taken, in another process too, while the file stays as it is."""
    path = tmp_path / "a.jsonl"
    path.write_text("1\n2\n")
    first = Hashes(tmp_path)
    known = first.file(path)
    first.save()
    monkeypatch.setattr(hashes, "_read_through", lambda path: pytest.fail("read again"))
    assert Hashes(tmp_path).file(path) == known


def test_a_changed_file_is_read_again(tmp_path, settled):
    """An edit that keeps size and modification time is seen."""
    path = tmp_path / "a.jsonl"
    path.write_text("1\n2\n")
    known = Hashes(tmp_path)
    before, state = known.file(path), path.stat()
    known.save()
    path.write_text("1\n3\n")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert Hashes(tmp_path).file(path) != before


def test_files_of_the_future_are_not_remembered(tmp_path):
    """A file dated ahead of the clock, which may have been set back, is read each time."""
    path = tmp_path / "a.jsonl"
    path.write_text("1\n")
    os.utime(path, (time.time() + 9e6,) * 2)
    known = Hashes(tmp_path)
    known.file(path)
    known.save()
    assert not (tmp_path / "cache").exists()


def test_fresh_files_are_not_remembered(tmp_path):
    """A file that was written a moment ago may change within one tick of the clock."""
    path = tmp_path / "a.jsonl"
    path.write_text("1\n")
    known = Hashes(tmp_path)
    known.file(path)
    known.save()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("junk", ["", "{", "[]", '{"format": 1}', '{"format": 2, "files": {"x": 3}}'])
def test_a_broken_cache_is_no_cache(tmp_path, settled, junk):
    """Junk in the cache file changes nothing but the time."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "hashes.json").write_text(junk)
    path = tmp_path / "a.txt"
    path.write_text("content")
    known = Hashes(tmp_path)
    assert known.file(path).sha256 == sha256(b"content").hexdigest()
    known.save()
    assert json.loads((tmp_path / "cache" / "hashes.json").read_text())["format"] == 2


def test_no_store_is_made(tmp_path, settled):
    """Where there is no store, none is made."""
    path = tmp_path / "a.txt"
    path.write_text("content")
    known = Hashes(tmp_path / "store")
    known.file(path)
    known.save()
    assert not (tmp_path / "store").exists()


def test_before_a_store_large_files_are_remembered_for_the_user(tmp_path, settled, monkeypatch):
    """A second plan without a store takes the hash of a large file from the user's cache, a first apply's store too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(hashes, "LARGE", 4)
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    small.write_text("1\n")
    large.write_text("1\n2\n")
    store = tmp_path / "store"
    first = Hashes(store)
    known = [first.file(path) for path in (small, large)]
    first.save()
    read: list[str] = []
    through = hashes._read_through
    monkeypatch.setattr(hashes, "_read_through", lambda path: read.append(path.name) or through(path))
    assert [Hashes(store).file(path) for path in (small, large)] == known
    store.mkdir()
    assert [Hashes(store).file(path) for path in (small, large)] == known
    assert read == ["small.jsonl", "small.jsonl"]
    large.write_text("1\n3\n")
    assert Hashes(store).file(large).sha256 == sha256(b"1\n3\n").hexdigest()


def test_parquet_rows_come_from_its_footer(tmp_path):
    """A Parquet file's rows are read from its metadata; what only claims to be Parquet has none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": list(range(7))}), path)
    assert Hashes(None).file(path).rows == 7
    path.write_text("no parquet")
    assert Hashes(None).file(path).rows is None


def test_a_tokenizers_tokens_are_counted_once(tmp_path, settled, monkeypatch):
    """Added tokens left out; what is no tokenizer has none. The count is remembered with the hash."""
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": [{"id": 5}]}))
    known = Hashes(tmp_path)
    assert known.file(path).rows == 2
    known.save()
    monkeypatch.setattr(hashes, "_read_through", lambda path: pytest.fail("read again"))
    assert Hashes(tmp_path).file(path).rows == 2
    monkeypatch.undo()
    path.write_text("[]")
    assert Hashes(tmp_path).file(path).rows is None


def test_what_is_no_file_is_refused(tmp_path):
    """A folder and a pipe are no regular files: reading a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(OSError, match="not a regular file"):
            Hashes(None).file(path)
