"""`drdoctl ls`."""

from __future__ import annotations

import json

import pytest

from drdoctl.cli import run
from drdoctl.cli.ls import LISTS, SHOWN
from drdoctl.methods import methods


@pytest.mark.parametrize("what", sorted(LISTS))
def test_lists_are_tables_and_json(what, tmp_path, capsys):
    """Every list is one row a line on stdout, and a versioned document with `--json`; an empty store is no error."""
    store = ["--store", str(tmp_path / "store")]
    assert run(["ls", what, "--json", *store]) == 0
    rows = json.loads(capsys.readouterr().out)[what]
    assert run(["ls", what, *store]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == [row["name"] for row in rows]
    assert all(line.count("\t") == len(SHOWN[what]) - 1 for line in lines)
    assert bool(rows) == (what not in ("runs", "artifacts"))


def test_methods_are_those_of_the_folder(capsys):
    """The folder is the registry."""
    assert run(["ls", "methods"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == list(methods())


def test_a_zoo_in_a_folder_is_listed(tmp_path, capsys):
    """`--zoo` names the place; an empty one has no names."""
    assert run(["ls", "zoo", "--zoo", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_the_environments_zoo_is_listed(tmp_path, capsys, monkeypatch):
    """DRDOCTL_ZOO names the place as it does for push and pull."""
    monkeypatch.setenv("DRDOCTL_ZOO", str(tmp_path))
    (tmp_path / "thing" / "refs").mkdir(parents=True)
    (tmp_path / "thing" / "refs" / "main").write_text("0" * 40)
    assert run(["ls", "zoo"]) == 0
    assert capsys.readouterr().out.split() == ["zoo/thing"]


def test_unknown_lists_are_guessed(capsys):
    """A misspelt kind is an error with the likely one."""
    assert run(["ls", "method"]) == 2
    assert "did you mean `methods`?" in capsys.readouterr().err
