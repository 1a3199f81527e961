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


def test_accuracy_changed_by_hand(store, capsys):
    """A figure edited in a manifest is exit 5 by name and by folder, with the remedy; as it was, it verifies."""
    name = THINGS["make_artifact"](store, "oracle")
    path = store.path(name) / "manifest.json"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace('"accuracy": 0.75', '"accuracy": 0.99'), encoding="utf-8")
    for what in (name, str(store.path(name))):
        assert cli.run(["verify", what, "--store", str(store.root), "--no-probe"]) == 5
        seen = capsys.readouterr().err
        assert "is not as it was written" in seen
        assert f"rm -r {store.path(name)}" in seen
    path.write_text(whole, encoding="utf-8")
    assert cli.run(["verify", name, "--store", str(store.root), "--no-probe"]) == 0


def test_a_model_that_does_not_give_its_cards_scores(tmp_path, capsys):
    """A model with another score than its card's is exit 5, naming the probe; `--no-probe` says what it left out."""
    pytest.importorskip("torch")
    models = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_models.py"))
    files = models["save_model"](tmp_path / "model")
    probes = [{"name": "short", "prompt": "What colour is the sky?", "response": "Blue.", "score": 99.0}]
    (tmp_path / "uploads").mkdir()
    THINGS["publish"](str(tmp_path / "zoo"), tmp_path / "uploads", files, probes=probes, tolerance={"float32": 0.01})
    at = ["--zoo", str(tmp_path / "zoo")]
    assert cli.run(["pull", "zoo/thing", *at, "--store", str(tmp_path / "store")]) == 5
    seen = capsys.readouterr()
    assert "probe `short` of `zoo/thing`: expected 99, got " in seen.err
    assert not list((tmp_path / "store" / "artifacts").iterdir())
    assert cli.run(["verify", "zoo/thing", *at, "--no-probe", "--json"]) == 0
    seen = capsys.readouterr()
    assert json.loads(seen.out)["checked"]["probed"] is False
    assert "the probes were not run" in seen.err
