"""Files are whole or absent, and full disks have words of their own."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.core import files
from drdoctl.core.errors import StageFailed, UserError
from drdoctl.core.files import (
    disk_errors,
    expand,
    kind_at,
    new_folder,
    read_json,
    seal,
    write_atomic,
    write_json,
    write_via,
)
from drdoctl.core.fingerprint import file_sha256

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_write_atomic_makes_folders_and_leaves_nothing_beside(tmp_path):
    """The file has the bytes, its folder is made, and no temporary file stays."""
    path = tmp_path / "deep" / "er" / "file.txt"
    write_atomic(path, "héllo")
    assert path.read_bytes() == "héllo".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_crash_while_writing_keeps_the_old_bytes(tmp_path, monkeypatch):
    """When the rename never happens, readers still see the old file and no temporary file stays."""
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", crash)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_via_keeps_the_suffix_and_drops_a_failed_write(tmp_path):
    """A library is handed a path with the same suffix; when it fails, nothing is left."""
    seen = []

    def writer(beside):
        seen.append(beside.suffix)
        beside.write_bytes(b"half")
        raise ValueError("library failed")

    with pytest.raises(ValueError, match="library failed"):
        write_via(tmp_path / "rows.parquet", writer)
    assert seen == [".parquet"]
    assert list(tmp_path.iterdir()) == []
    write_via(tmp_path / "rows.parquet", lambda beside: beside.write_bytes(b"whole") and None)
    assert (tmp_path / "rows.parquet").read_bytes() == b"whole"


@settings(max_examples=20, deadline=None)
@given(value=JSON)
def test_json_round_trips_and_is_stable(tmp_path_factory, value):
    """What is written is read back, and the same value gives the same bytes."""
    folder = tmp_path_factory.mktemp("json")
    write_json(folder / "a.json", value)
    write_json(folder / "b.json", value)
    assert read_json(folder / "a.json") == value
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_json_never_holds_what_is_not_a_number(tmp_path, bad):
    """NaN and infinity are refused, and no file is made."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": bad})
    assert not (tmp_path / "a.json").exists()


def test_a_sealed_file_is_on_the_disk(tmp_path, monkeypatch):
    """The file and its folder are synchronised, and the facts are those of its bytes."""
    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_ino), fsync(handle)))
    path = tmp_path / "weights"
    path.write_bytes(b"abc")
    assert seal(path) == {"sha256": file_sha256(path), "size": 3}
    assert synced == [path.stat().st_ino, tmp_path.stat().st_ino]


def test_read_json_of_what_is_not_whole_is_none(tmp_path):
    """An absent file, half a file, and a file where a folder should be all read as None."""
    (tmp_path / "half.json").write_text('{"a": ')
    assert read_json(tmp_path / "absent.json") is None
    assert read_json(tmp_path / "half.json") is None
    assert read_json(tmp_path / "half.json" / "below.json") is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_closed_disk_names_the_path_and_the_remedy(tmp_path, number):
    """Errors of the disk become a fault with a remedy that a user can follow."""
    with pytest.raises(StageFailed) as caught, disk_errors(tmp_path / "x"):
        raise OSError(number, os.strerror(number))
    (fault,) = caught.value.faults
    assert fault.code == "disk"
    assert str(tmp_path / "x") in fault.message
    assert fault.hint


def test_other_os_errors_pass(tmp_path):
    """What is not the disk's fault is not called so."""
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_any_name_has_a_kind(tmp_path):
    """A file, a folder, something else; nothing for what is not there and for names that no disk can hold."""
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    names = ["file", ".", "pipe", "absent", "file/below", "loop", "x" * 300, "a\0b"]
    assert [kind_at(tmp_path / name) for name in names] == ["file", "folder", "other", *[None] * 5]


def test_an_unknown_home_stays_as_written(monkeypatch, tmp_path):
    """`~` is followed where there is such a home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [str(expand(name)) for name in ("~/a", "~no-such-user/a")] == [f"{tmp_path}/a", "~no-such-user/a"]


@pytest.mark.parametrize(
    ("error", "words", "hint"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device", "make room"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "Disk quota exceeded", "make room"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error", "look after the disk"),
        (OSError(errno.EROFS, "Read-only file system"), "Read-only file system", "permissions"),
        (
            RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed"),
            "Input/output",
            "look after",
        ),
        (RuntimeError("basic_ios::clear: iostream error"), "Input/output error", "look after the disk"),
        (OSError("error closing file"), "Input/output error", "look after the disk"),
        (ValueError("Error while serializing: I/O error: No space left on device (os error 28)"), "No space left", ""),
        (RuntimeError("write(): fd 7 failed with Input/output error"), "Input/output error", "look after the disk"),
    ],
)
def test_whatever_says_that_the_disk_fails_names_the_path(tmp_path, error, words, hint):
    """A number or a text alone, from Python or from a library: the fault has the path, the reason and what to do."""
    with pytest.raises(StageFailed) as caught, disk_errors(tmp_path / "file"):
        raise error
    (fault,) = caught.value.faults
    assert fault.code == "disk"
    assert fault.message.startswith(f"cannot write `{tmp_path / 'file'}`: ")
    assert words in fault.message
    assert hint in fault.hint
    assert str(tmp_path) in fault.hint


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOENT, "No such file"),
        OSError("no number"),
        RuntimeError("PytorchStreamReader failed reading zip archive: failed finding central directory"),
        StageFailed("cannot write `x`: No space left on device", code="disk"),
    ],
)
def test_what_is_not_the_disks_fault_stays_what_it_is(tmp_path, error):
    """Other errors, those of reading, and those that were told already pass through as they are."""
    with pytest.raises(type(error)) as caught, disk_errors(tmp_path / "file"):
        raise error
    assert caught.value is error


def test_how_much_was_needed_and_free_is_told(tmp_path, monkeypatch):
    """Where the need is known it is told with the room there was before, and asked for only where it failed."""
    monkeypatch.setattr(files, "free_bytes", lambda path: 3 << 20)
    with disk_errors(tmp_path, lambda: 1 // 0):
        pass
    with pytest.raises(StageFailed, match=r"about 5.0 MiB were needed, and 3.0 MiB were free"):
        fail_on(tmp_path, 5 << 20)


def fail_on(path, needs):
    with disk_errors(path, lambda: needs):
        raise OSError(errno.ENOSPC, "")


def test_a_disk_without_room_is_seen(tmp_path, monkeypatch):
    """A disk with next to nothing free is full; one with room, or one that nobody can ask, is not."""
    assert files.full_disk(tmp_path / "not" / "there") is None
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    assert "No space left on device" in files.full_disk(tmp_path).message
    torn = RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed")
    assert "No space left on device" in files.disk_fault(torn, tmp_path).message


def test_an_error_of_the_disk_while_closing_is_no_success(tmp_path):
    """What the kernel says only when a file is closed is an error like any other."""
    with pytest.raises(StageFailed, match="No space left"), disk_errors(tmp_path):
        Path("/dev/full").write_text("x")


def test_a_new_folder_where_a_link_leads(tmp_path):
    """A link to an empty folder is followed, and stays."""
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to("far")
    with new_folder(tmp_path / "near", "--to DIR") as folder:
        (folder / "file").write_text("x", encoding="utf-8")
    assert (tmp_path / "near").is_symlink()
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["file"]


def test_where_no_folder_can_be(tmp_path, monkeypatch):
    """Below a file, or in place of the current folder, is the user's fault; the current folder stays."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for place in (tmp_path / "file" / "a" / "b", Path(), tmp_path / "here"):
        with pytest.raises(UserError, match="cannot be made"), new_folder(place, "--to DIR"):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "here"]


def test_what_a_kill_left_of_a_new_folder_goes(tmp_path):
    """The next one clears what a killed process was filling, and nothing that a living one fills or others made."""
    dead, other = tmp_path / ".model.drdoctl-dead", tmp_path / ".model.backup"
    for path in (dead, other):
        path.mkdir()
    with new_folder(tmp_path / "model", "--to DIR") as first:
        assert not dead.exists()
        with pytest.raises(KeyError), new_folder(tmp_path / "model", "--to DIR"):
            raise KeyError
        assert first.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".model.backup", "model"]
