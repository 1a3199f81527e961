"""`drdoctl gc`: lists, asks, removes, and refuses while an apply is at work."""

import json
import runpy
from pathlib import Path

import pytest

from drdoctl import cli
from drdoctl.store.artifact import Store
from drdoctl.store.lock import hold

THINGS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_things.py"))


@pytest.fixture
def store(tmp_path):
    """A store with one artifact that no run knows."""
    made = Store(tmp_path / "store")
    made.prepare()
    THINGS["make_artifact"](made, "oracle")
    return made


def gc(store, *more):
    return cli.run(["gc", "--store", str(store.root), *more])


def test_a_dry_run_removes_nothing(store, capsys):
    """It lists path, size and reason on stdout, and leaves all where it was."""
    before = sorted(store.root.rglob("*"))
    assert gc(store, "--older-than", "0", "--dry-run") == 0
    seen = capsys.readouterr()
    (line,) = seen.out.splitlines()
    assert "oracle-" in line.split("\t")[0]
    assert line.endswith("no plan and no run of the last 0 days needs it")
    assert "would be freed" in seen.err
    assert set(before) - set(store.root.rglob("*")) == set()


def test_json_lists_what_went(store, capsys):
    """With a yes the artifact is gone, and stdout has one JSON document."""
    assert gc(store, "--older-than", "0", "-y", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["removed"], len(found["waste"])) == (1, True, 1)
    assert not Path(found["waste"][0]["path"]).exists()
    assert list(store.artifacts.iterdir()) == []


def test_by_default_what_is_young_stays(store, capsys):
    """An artifact of today is no waste, and nobody is asked."""
    assert gc(store) == 0
    assert "Nothing to remove." in capsys.readouterr().err
    assert len(store.manifests()) == 1


def test_nobody_to_ask(store, capsys):
    """Without a terminal and a yes, exit 2 gives the same command with the option."""
    assert gc(store, "--older-than", "0") == 2
    again = f"`drdoctl gc --store {store.root} --older-than 0 --auto-approve` removes without asking"
    assert again in capsys.readouterr().err
    assert len(store.manifests()) == 1


def test_a_held_store_is_left_alone(store, capsys):
    """While an apply holds the store: exit 6, nothing removed."""
    with hold(store.root):
        assert gc(store, "--older-than", "0", "-y") == 6
    assert "store-held" in capsys.readouterr().err
    assert len(store.manifests()) == 1


def test_no_store(tmp_path, capsys):
    """A folder that is no store is named, and none is made."""
    assert cli.run(["gc", "--store", str(tmp_path / "none")]) == 2
    assert "no store" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_plan_without_weights_does_not_tell_what_is_needed(store, tmp_path, capsys, monkeypatch):
    """Stages are called after the weights, too: a spec or a saved plan without them would let all that is done go."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    world = runpy.run_path(str(Path(__file__).parents[1] / "plan" / "plan_world.py"))["World"](tmp_path)
    (world.base / "model.safetensors").unlink()
    saved = tmp_path / "plan.json"
    assert cli.run(["plan", str(world.spec), "--store", str(store.root), "--out", str(saved)]) == 0
    capsys.readouterr()
    for source in (world.spec, saved):
        assert gc(store, str(source), "--older-than", "0", "-y") == 2
        assert "no-weights" in capsys.readouterr().err
    assert len(list(store.artifacts.iterdir())) == 1
