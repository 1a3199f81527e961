"""The files that evals read: known by content, named by their options."""

from __future__ import annotations

from typing import Literal

import pytest

from drdoctl.core.errors import UserError, Where
from drdoctl.evals import Eval
from drdoctl.spec.eval_files import named, plain, read_files
from drdoctl.spec.facts import Facts
from drdoctl.spec.source_facts import CONTENT


class Reader(Eval):
    """An eval that reads one file."""

    name: Literal["reader"] = "reader"
    table: str

    def files(self):
        """Return the file."""
        return {"table": self.table}


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """Return facts over a folder with one file."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "a.json").write_text("[]")
    return Facts(tmp_path, tmp_path / "store", places=lambda key: Where(key, 4))


def test_a_file_is_known_by_its_content(facts, tmp_path):
    """The eval's options hold no path, and a file that moved has the same hash."""
    evals = [Reader(table="a.json")]
    before = read_files(evals, facts)
    (tmp_path / "a.json").rename(tmp_path / "b.json")
    after = read_files([Reader(table="b.json")], facts)
    assert [file.sha256 for file in before] == [file.sha256 for file in after]
    assert (before[0].key, before[0].path) == ("evaluate.0.table", tmp_path / "a.json")
    assert plain(evals, before) == [{"name": "reader", "table": CONTENT}]
    assert list(named(evals)) == [(0, "table", "a.json")]


def test_all_missing_files_are_named_at_once(facts):
    """Each file that is not there is a fault at its option; a folder is no file."""
    with pytest.raises(UserError) as caught:
        read_files([Reader(table="none.json"), Reader(table="a.json"), Reader(table=".")], facts)
    places = [(fault.where.file, fault.code) for fault in caught.value.faults]
    assert places == [("evaluate.0.table", "no-file"), ("evaluate.2.table", "no-file")]
    assert "is not there" in caught.value.faults[0].message
    assert "not a regular file" in caught.value.faults[1].message


def test_a_file_is_read_once(facts, monkeypatch):
    """However many combinations and stages ask for a file, it is hashed and looked through once."""
    asked = []

    class Careful(Reader):
        def flaws(self, option, path):
            """Note that the content is looked at."""
            asked.append(path.name)
            return []

    hashed = facts.hashes.file
    monkeypatch.setattr(facts.hashes, "file", lambda path: asked.append("hash") or hashed(path))
    for _ in range(3):
        assert len(read_files([Careful(table="a.json")], facts)) == 1
    assert asked == ["hash", "a.json"]


def test_flaws_are_faults_before_anything_runs(facts):
    """What an eval finds wrong with its file's content is a fault at its option, and where it lies is told apart."""

    class Picky(Reader):
        def flaws(self, option, path):
            """Find fault with every list."""
            return [f"`{option}` holds a list"] if path.read_text().startswith("[") else []

    with pytest.raises(UserError) as caught:
        read_files([Reader(table="a.json"), Picky(table="a.json")], facts)
    (fault,) = caught.value.faults
    assert (fault.code, fault.message, fault.where.file) == ("bad-file", "`table` holds a list", "evaluate.1.table")
    (facts.base / "a.json").write_text("{}")
    (file,) = read_files([Picky(table="a.json")], facts)
    assert file.location == {"evaluate.0.table": str(file.path), "evaluate.0.table.sha256": file.sha256}
