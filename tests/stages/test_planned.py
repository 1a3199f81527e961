"""What a stage reads outside the store is what was planned, or nothing is read under the plan's names."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from plan_world import pair, write_weights

from drdoctl.core.errors import Refused, UserError
from drdoctl.engine.stage import job_for
from drdoctl.spec import hashes
from drdoctl.stages import data
from drdoctl.stages.planned import as_planned, outside

RESOURCES = {"processes": 1, "threads": 1}


def job_of(world, name, *sets):
    """Return the job of one stage, as an apply would write it."""
    want = next(want for want in world.wants(*sets) if want.id == name)
    world.store.prepare()
    return job_for(want, world.store.partial_path(want.artifact), world.store, RESOURCES, offline=True, spent=0.0)


def reads(job, *keys):
    """Read what the job reads, and return that it was allowed."""
    with as_planned(outside(job, *keys)):
        return True


def test_what_nobody_touched_is_read(world):
    """The data stage looks at its source and its tokenizer; with the plan's content all is well."""
    job = job_of(world, "data")
    assert [set(thing.planned) for thing in outside(job)] == [{"student.tokenizer"}, {"data.source"}]
    assert reads(job)


def test_nothing_is_read_twice_to_know_that(world, monkeypatch):
    """The plan's hashes are remembered: a stage reads no file of which only the state was needed."""
    monkeypatch.setattr(hashes, "SETTLED_SECONDS", -1.0)
    world.store.prepare()
    jobs = [job_of(world, "data"), job_of(world, "align[drdo]", "student.sft=false")]
    monkeypatch.setattr(hashes, "_read_through", lambda path: pytest.fail(f"read again: {path}"))
    assert all(reads(job) for job in jobs)


@pytest.mark.parametrize("harm", ["row", "byte", "longer", "gone", "folder"])
def test_data_that_moved_is_refused_unread(world, harm):
    """Whatever happened to the data since the plan, the stage is refused with exit code 6 before it reads a row."""
    job, text = job_of(world, "data"), world.data.read_text()
    if harm in ("gone", "folder"):
        world.data.unlink()
    else:
        more = {"row": text.replace("yes 5", "yes 6"), "byte": "?" + text[1:], "longer": text + pair(100)}
        world.data.write_text(more[harm])
    if harm == "folder":
        world.data.mkdir()
    with pytest.raises(Refused, match=r"`data\.source`: `.*pairs\.jsonl` no longer holds") as caught:
        reads(job)
    assert caught.value.exit_code == 6
    assert "`drdoctl plan`" in caught.value.faults[0].hint
    if harm != "folder":
        world.data.write_text(text)
        assert reads(job)


def test_a_touch_or_a_copy_is_no_change(world):
    """Another time, and a new file of the same content, are what was planned."""
    job = job_of(world, "data")
    os.utime(world.data, (1, 1))
    assert reads(job)
    shutil.copy(world.data, world.root / "copy")
    (world.root / "copy").replace(world.data)
    assert reads(job)


def test_a_change_while_it_is_read_is_refused(world):
    """A file that is written while the stage reads it was read half old, half new, even where its size stays."""
    os.utime(world.data, (1, 1))
    job = job_of(world, "data")
    with pytest.raises(Refused, match="changed while it was read"), as_planned(outside(job)):
        world.data.write_text(world.data.read_text().replace("yes 5", "yes 6"))


def test_there_and_back_is_a_change_too(world):
    """A file that held something else in between is refused, though it holds the planned content at both ends."""
    os.utime(world.data, (1, 1))
    job, text = job_of(world, "data"), world.data.read_text()

    def read():
        with as_planned(outside(job)):
            world.data.write_text("")
            world.data.write_text(text)

    with pytest.raises(Refused, match="changed while it was read"):
        read()


def test_an_error_is_the_changes_fault_only_where_there_was_one(world):
    """What a half-written file made the reader say becomes the refusal; without a change it is said as it is."""
    job = job_of(world, "data")

    def read(text):
        with as_planned(outside(job)):
            world.data.write_text(text) if text else None
            raise UserError("row 7 is no JSON")

    with pytest.raises(UserError, match="row 7"):
        read("")
    with pytest.raises(Refused, match="changed while it was read") as caught:
        read("{")
    assert isinstance(caught.value.__cause__, UserError)


def test_all_files_of_a_folder_count(world):
    """Of a folder of data, a changed, a new and a lost file are each a change, and so is one of its evaluation part."""
    world.data.unlink()
    world.data.mkdir()
    for name in ("train-1.jsonl", "train-2.jsonl", "eval.jsonl"):
        (world.data / name).write_text("".join(pair(index) for index in range(20)))
    job = job_of(world, "data")
    assert reads(job)
    for name in ("train-2.jsonl", "eval.jsonl"):
        text = (world.data / name).read_text()
        (world.data / name).write_text(text + pair(20))
        with pytest.raises(Refused):
            reads(job)
        (world.data / name).write_text(text)
    (world.data / "train-3.jsonl").write_text(pair(1))
    with pytest.raises(Refused):
        reads(job)
    (world.data / "train-3.jsonl").unlink()
    assert reads(job)


def test_models_are_checked_by_weights_and_config(world):
    """A stage that starts from a local model refuses other weights, another config, one shard more, or none."""
    job = job_of(world, "align[drdo]", "student.sft=false")
    assert reads(job, "student.model")
    weights, config = world.base / "model.safetensors", world.base / "config.json"
    before = {path: path.read_bytes() for path in (weights, config)}
    harms = (
        lambda: write_weights(weights, fill=1),
        lambda: config.write_text(json.dumps({**json.loads(before[config]), "rope_theta": 5.0})),
        lambda: write_weights(world.base / "model-2.safetensors"),
        weights.unlink,
    )
    for harm in harms:
        harm()
        with pytest.raises(Refused, match=r"`student\.model`: `.*base` no longer holds"):
            reads(job, "student.model")
        (world.base / "model-2.safetensors").unlink(missing_ok=True)
        for path, content in before.items():
            path.write_bytes(content)
    (world.base / "README.md").write_text("what is not read does not count")
    assert reads(job, "student.model")


def test_a_tokenizer_is_checked(world):
    """Another vocabulary in the model's folder is refused by the data stage, which renders with it."""
    job = job_of(world, "data")
    words = json.loads((world.base / "tokenizer.json").read_text())
    words["model"]["vocab"]["w32"] = 32
    (world.base / "tokenizer.json").write_text(json.dumps(words))
    with pytest.raises(Refused, match=r"`student\.tokenizer`"):
        reads(job)


def test_the_hub_and_what_lies_in_the_store_are_left_alone(world):
    """A commit is what it is, and inputs are verified by their manifests: nothing is looked at."""
    model = "student.model=facebook/opt-125m"
    job = job_of(world, "data", model, "oracle.model=sft", "data.source={name: ultrafeedback}")
    assert outside(job) == []
    assert outside(job_of(world, "rewards"), "oracle.model") == []


def test_the_data_stage_reads_within_those_looks(world, monkeypatch):
    """The data stage builds nothing from rows that moved, and refuses what it built where they moved meanwhile."""
    built, job = [], job_of(world, "data")
    monkeypatch.setattr("drdoctl.data._build.build", built.append)
    data.run(job)
    assert len(built) == 1
    text = world.data.read_text()
    monkeypatch.setattr("drdoctl.data._build.build", lambda _: world.data.write_text(text + pair(100)))
    with pytest.raises(Refused, match="changed while it was read"):
        data.run(job)
    monkeypatch.setattr("drdoctl.data._build.build", built.append)
    with pytest.raises(Refused, match="no longer holds"):
        data.run(job)
    assert len(built) == 1
