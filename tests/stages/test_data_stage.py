"""The data stage: what it reads, and that all combinations share it."""

from __future__ import annotations

from plan_world import CONFIG, SPEC

from drdoctl.spec.source_facts import CONTENT


def test_the_slice(world):
    """The stage reads all of `data`, the seed and what SFT imitates; the path is in the location alone."""
    want = world.wants()[0]
    assert want.settings["data.source"] == {"name": "jsonl", "jsonl": CONTENT, "eval": None}
    assert want.settings["student.sft.rows"] == "auto"
    assert {key.split(".")[0] for key in want.settings} == {"data", "student", "seed"}
    assert want.locations["data.source"]["jsonl"] == "pairs.jsonl"
    assert want.locations["base"] == str(world.root)
    assert want.locations["student.tokenizer"] == {"path": str(world.base)}


def test_without_sft_nothing_is_imitated(world):
    """With `student.sft: false` the stage does not read `student.sft.rows`."""
    assert "student.sft.rows" not in world.wants("student.sft=false")[0].settings


def test_all_is_no_step(world):
    """`split: all` and no split are the same data."""
    assert world.wants("data.split=all")[0].fingerprint == world.wants()[0].fingerprint


def test_a_tokenizer_from_the_zoo_is_pulled_first(world, monkeypatch):
    """Where the student comes from the zoo, the data stage rests on the pull and finds the tokenizer there."""
    from types import SimpleNamespace

    card = SimpleNamespace(config=CONFIG, role="student")
    files = {"tokenizer.json": "a", "model.safetensors": "b"}
    known = SimpleNamespace(ref="zoo/base", revision="r1", sha256="5" * 64, files=files, card=card)
    monkeypatch.setattr("drdoctl.zoo.resolve.zoo_facts", lambda ref, location, store: known)
    world.spec.write_text(SPEC.replace("  model: ./base\n", "  model: zoo/base\n"))
    wants = {want.id: want for want in world.wants()}
    pulled = wants["sft[zoo]"]
    assert wants["data"].inputs == {"student.model": pulled}
    assert wants["data"].locations["student.tokenizer"] == {"path": str(world.store.path(pulled.artifact))}
    assert wants["sft"].inputs["policy"] is pulled
    assert world.actions()["sft[zoo]"] == "pull"
    assert pulled.locations["zoo"]["ref"] == "zoo/base"


def test_run_hands_the_paths_back(monkeypatch, world):
    """The child builds from settings and locations, with the split steps put in its hands."""
    from drdoctl.splits._apply import apply_steps
    from drdoctl.stages import Job, data

    seen = []
    monkeypatch.setattr("drdoctl.data._build.build", seen.append)
    want = world.wants()[0]
    data.run(Job("data", "data", want.artifact, want.settings, {}, want.locations, {}, str(world.root)))
    assert seen[0].source().files() == ["pairs.jsonl"]
    assert seen[0].choose is apply_steps
