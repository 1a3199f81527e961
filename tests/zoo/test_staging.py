"""The folder where a pull gathers its files."""

from __future__ import annotations

import os
import threading

import pytest

from drdoctl.zoo.staging import alone, into_place, keep_only


def test_one_at_a_time(tmp_path):
    """While one holds the folder another waits; then it finds the folder there again, and no lock stays behind."""
    staging, order = tmp_path / "pulls" / "thing", []

    def second():
        with alone(staging):
            order.append("second")
            assert staging.is_dir()

    thread = threading.Thread(target=second)
    with alone(staging):
        thread.start()
        thread.join(0.1)
        order.append("first")
        staging.rmdir()
    thread.join(5)
    assert order == ["first", "second"]
    assert [path.name for path in staging.parent.iterdir()] == ["thing"]


def test_two_folders_share_an_artifacts_lock(tmp_path):
    """Two names that hold the same artifact are pulled one after the other."""
    lock, order = tmp_path / "oracle-1.lock", []

    def second():
        with alone(tmp_path / "another", lock):
            order.append("second")

    thread = threading.Thread(target=second)
    with alone(tmp_path / "thing", lock):
        thread.start()
        thread.join(0.1)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]
    assert not lock.exists()


def test_a_failure_lets_go(tmp_path):
    """An error inside leaves no lock."""
    with pytest.raises(KeyError), alone(tmp_path / "thing"):
        raise KeyError
    assert not (tmp_path / "thing.lock").exists()


def test_litter_goes_and_files_stay(tmp_path):
    """Temporary folders, links and unlisted files of a killed pull are cleared; listed files stay."""
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "x.incomplete").write_text("", encoding="utf-8")
    (tmp_path / ".fetch-1").mkdir()
    (tmp_path / ".fetch-1" / "half").write_text("", encoding="utf-8")
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "config.json")
    keep_only(tmp_path, {"config.json", "model.safetensors"})
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_into_place(tmp_path):
    """The folder takes its place, and junk that lay there is gone."""
    staging, final = tmp_path / "staging", tmp_path / "deep" / "final"
    staging.mkdir()
    (staging / "new").write_text("", encoding="utf-8")
    final.mkdir(parents=True)
    (final / "junk").write_text("", encoding="utf-8")
    into_place(staging, final)
    assert [path.name for path in final.iterdir()] == ["new"]
    assert not staging.exists()


def test_a_lock_that_goes_while_it_is_looked_at(tmp_path, monkeypatch):
    """Whoever held the lock may take it away between any two looks: the next one makes it anew."""
    staging, plain = tmp_path / "thing", os.fstat

    def gone(handle):
        monkeypatch.setattr(os, "fstat", plain)
        staging.with_name("thing.lock").unlink()
        return plain(handle)

    monkeypatch.setattr(os, "fstat", gone)
    with alone(staging):
        assert staging.is_dir()
