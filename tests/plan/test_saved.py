"""Saved plans: whole or refused, and stale ones name what moved."""

from __future__ import annotations

import contextlib
import json
import shutil

import pytest
from plan_world import SPEC, write_model

from drdoctl.core.errors import IntegrityError, Refused, UserError
from drdoctl.core.fingerprint import digest
from drdoctl.plan.saved import check_fresh, is_saved, load_saved, save
from drdoctl.spec.load import load


def write(world, *sets):
    """Save the world's plan and return the file."""
    path = world.root / "plan.json"
    save(path, world.plan(*sets), load(world.spec, sets))
    return path


def refusal(path, store):
    """Return the messages with which a saved plan is refused."""
    with pytest.raises(Refused) as caught:
        check_fresh(load_saved(path), store)
    assert caught.value.exit_code == 6
    assert all(f" --store {store.root}`" in fault.hint for fault in caught.value.faults)
    return [fault.message for fault in caught.value.faults]


def test_a_saved_plan_is_the_plan(world):
    """Loaded again it is the same document, and fresh; the spec file is not read again."""
    path = write(world, "method.alpha=0.3")
    document = world.plan("method.alpha=0.3").as_dict()
    world.spec.unlink()
    saved = load_saved(path)
    assert is_saved(path)
    assert saved.plan == json.loads(json.dumps(document))
    assert check_fresh(saved, world.store).as_dict() == document
    assert saved.loaded.spec.method.alpha == 0.3


def test_specs_may_be_json(world):
    """A spec in braces is no saved plan, whatever its file is called; a saved plan that was cut is one."""
    saved = write(world).read_text()
    for name, text in [("a.json", '{"version": 1, "data": {}}'), ("a.yaml", "{version: 1, data: {}}")]:
        (world.root / name).write_text(text)
        assert not is_saved(world.root / name)
    for name in ("b.json", "b.yaml"):
        (world.root / name).write_text(saved[:300])
        assert is_saved(world.root / name)


def test_a_saved_plan_is_no_spec(world):
    """Where a spec is wanted, one sentence says what the file is."""
    with pytest.raises(UserError, match="is a saved plan, not a spec"):
        load(write(world))


def test_the_current_folder_does_not_matter(world, monkeypatch, tmp_path_factory):
    """A path given with `--set` means the same file when the plan is applied from another folder."""
    shutil.copy(world.data, world.root / "mine.jsonl")
    monkeypatch.chdir(world.root)
    path = write(world, "data.source.jsonl=mine.jsonl")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    check_fresh(load_saved(path), world.store)


def test_no_paths_in_the_plan_part(world):
    """Paths of this machine are only in the source part."""
    saved = json.loads(write(world).read_text())
    assert str(world.root) not in json.dumps(saved["plan"])
    assert str(world.root) in saved["source"]["path"]


@pytest.mark.parametrize("edit", ["alpha", "cut", "action", "digest"])
def test_edited_or_cut_is_refused(world, edit):
    """Any edit of a saved plan, or a part of it that is missing, is an integrity error."""
    path = write(world)
    text = path.read_text()
    edits = {
        "alpha": text.replace("alpha: 0.1", "alpha: 0.9"),
        "cut": text[: len(text) // 2],
        "action": text.replace('"action": "run"', '"action": "reuse"', 1),
        "digest": text.replace('"digest": "', '"digest": "0', 1),
    }
    assert edits[edit] != text
    path.write_text(edits[edit])
    with pytest.raises(IntegrityError) as caught:
        load_saved(path)
    assert caught.value.exit_code == 5


def test_a_missing_file_is_a_users_error(world):
    """A plan that is not there is exit 2, with the command that saves one."""
    with pytest.raises(UserError, match="cannot be read"):
        load_saved(world.root / "none.json")


def test_changed_data_is_named(world):
    """A changed row makes the plan stale, and `data.source` is what moved."""
    path = write(world)
    world.data.write_text(world.data.read_text() + "\n")
    assert refusal(path, world.store) == [f"`{path}` is stale: `data.source` has other content"]


def test_changed_weights_are_named(world):
    """Other base weights are named as `student.model`, and the oracle's as `oracle.model`."""
    path = write(world)
    write_model(world.base, fill=1)
    told = " ".join(refusal(path, world.store))
    assert "`student.model` has other content" in told
    assert "`oracle.model` has other content" in told


def test_missing_data_is_named(world):
    """A data file that is gone makes the plan stale too."""
    path = write(world)
    world.data.unlink()
    assert "pairs.jsonl" in refusal(path, world.store)[0]


def test_an_artifact_that_is_gone_is_named(world):
    """A plan that reuses what is no longer there is stale."""
    world.make(only={"data", "sft"})
    path = write(world)
    sft = next(stage.want.artifact for stage in world.plan().stages if stage.want.id == "sft")
    shutil.rmtree(world.store.path(sft))
    assert refusal(path, world.store) == [f"`{path}` is stale: artifact `{sft}` of stage `sft` is gone from the store"]


def test_what_an_interrupted_apply_made_is_reused(world):
    """A saved plan goes on after an interruption: stages done since it was saved are reused, not refused."""
    path = write(world)
    world.make(only={"data", "sft"})
    plan = check_fresh(load_saved(path), world.store)
    assert {stage.want.id for stage in plan.stages if stage.action == "reuse"} == {"data", "sft"}


def test_another_version_is_named(world, monkeypatch):
    """A plan made by another drdoctl is stale."""
    path = write(world)
    monkeypatch.setattr("drdoctl.plan.saved.__version__", "99.0")
    assert "this is 99.0" in refusal(path, world.store)[0]


def test_newer_code_of_a_stage_is_named(world, monkeypatch):
    """A stage whose code version moved since is named."""
    path = write(world)
    monkeypatch.setattr("drdoctl.stages.evaluate.VERSION", 99)
    assert "evaluate[drdo]" in refusal(path, world.store)[0]


def test_an_unknown_commit_cannot_be_promised(world):
    """A plan that was saved without knowing a Hub id's commit is refused: pin it, or plan again."""
    world.spec.write_text(SPEC.replace("  model: ./base", "  model: org/model"))
    path = write(world)
    assert any("the commit of `org/model` was not known" in text for text in refusal(path, world.store))


def test_specs_are_no_saved_plans(world):
    """A YAML spec, a folder and nothing at all are not taken for saved plans."""
    assert not is_saved(world.spec)
    assert not is_saved(world.root)
    assert not is_saved(world.root / "none.yaml")


WRONG = [None, 1, 2.5, True, "x", [], {}, ["x"], {"x": None}]


@pytest.mark.parametrize(
    "where",
    [
        ("plan",),
        ("source",),
        ("version",),
        *[("source", name) for name in ("text", "values", "sets", "path")],
        ("source", "sets", 0),
        ("plan", "stages"),
        ("plan", "stages", 0),
        *[("plan", "stages", 0, name) for name in ("id", "action", "fingerprint", "artifact", "externals")],
        ("plan", "stages", 0, "externals", "data.source"),
    ],
    ids=lambda where: ".".join(map(str, where)),
)
def test_a_digest_says_nothing_of_who_wrote_it(world, where):
    """A plan whose digest is right, and with any part gone or of another kind, is refused or stale, and no more."""
    path = write(world, "method.alpha=0.3")
    for wrong in (*WRONG, "gone"):
        body = json.loads(path.read_text())
        body.pop("digest")
        inner = body
        for key in where[:-1]:
            inner = inner[key]
        if wrong == "gone":
            del inner[where[-1]]
        else:
            inner[where[-1]] = wrong
        changed = world.root / "changed.json"
        changed.write_text(json.dumps({**body, "digest": digest(body)}))
        with (
            pytest.raises((IntegrityError, UserError, Refused))
            if wrong is None
            else contextlib.suppress(IntegrityError, UserError, Refused)
        ):
            check_fresh(load_saved(changed), world.store)


@pytest.mark.parametrize(
    "text", ['{"kind": "drdoctl-plan", "format": 1, "x": NaN}', '{"kind": "drdoctl-plan", "x": "\\ud800"}']
)
def test_what_has_no_digest_is_refused(world, text):
    """Numbers and texts that no plan is saved with are damage, not a crash."""
    path = world.root / "plan.json"
    path.write_text(text.replace('"x"', '"format": 1, "x"'))
    with pytest.raises(IntegrityError):
        load_saved(path)
