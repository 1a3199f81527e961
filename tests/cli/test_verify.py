"""`drdoctl verify` on artifacts of a store."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from drdoctl import cli
from drdoctl.store.artifact import Store

THINGS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_things.py"))


@pytest.fixture
def store(tmp_path):
    """A store with one artifact of data."""
    made = Store(tmp_path / "store")
    made.prepare()
    return made


@pytest.mark.parametrize("kind", ["data", "oracle", "evaluate"])
def test_any_artifact(store, kind, capsys):
    """An artifact of any kind verifies by its name; with `--json` the counts are on stdout."""
    name = THINGS["make_artifact"](store, kind)
    assert cli.run(["verify", name, "--store", str(store.root), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["files"]) == (1, len(THINGS["FILES"]) + 1)


def test_every_fault_is_shown(store, capsys):
    """Exit 5 shows each file that is changed, missing or unlisted."""
    name = THINGS["make_artifact"](store, "oracle")
    folder = store.path(name)
    (folder / "config.json").unlink()
    (folder / "metrics.jsonl").write_text("x", encoding="utf-8")
    (folder / "evil.bin").write_text("x", encoding="utf-8")
    assert cli.run(["verify", str(folder)]) == 5
    seen = capsys.readouterr().err
    for named in ("`config.json`: it is missing", "`metrics.jsonl`: it has 1 bytes", "`evil.bin`: nothing lists it"):
        assert named in seen
