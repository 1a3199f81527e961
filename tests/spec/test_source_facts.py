"""The rows' source by content: no path and no revision in what names a stage."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import UserError, Where
from drdoctl.data import datasets
from drdoctl.spec.facts import Facts
from drdoctl.spec.source_facts import CONTENT


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """Return facts over a folder with two files."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "a.jsonl").write_text("{}\n{}\n{}\n")
    (tmp_path / "b.jsonl").write_text("{}\n")
    return Facts(tmp_path, tmp_path / "store", places=lambda key: Where("spec.yaml", 4))


def source(name, **options):
    """Return a dataset."""
    return datasets()[name](**options)


def test_files_are_named_by_option(facts):
    """The training file is `data.source`, the evaluation file `data.source.eval`; rows are the training file's."""
    found = facts.data(source("jsonl", jsonl="a.jsonl", eval="b.jsonl"))
    assert set(found.externals) == {"data.source", "data.source.eval"}
    assert found.settings == {"name": "jsonl", "jsonl": CONTENT, "eval": CONTENT}
    assert found.location == {"name": "jsonl", "jsonl": "a.jsonl", "eval": "b.jsonl"}
    assert (found.rows, found.size) == (3, 9)


def test_a_file_that_moved_is_the_same(facts, tmp_path):
    """The path is not in what names the stage; the content is."""
    before = facts.data(source("jsonl", jsonl="a.jsonl"))
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.jsonl").rename(tmp_path / "deep" / "renamed.jsonl")
    after = Facts(tmp_path, tmp_path).data(source("jsonl", jsonl="deep/renamed.jsonl"))
    assert (before.settings, before.externals) == (after.settings, after.externals)


def test_a_folder_is_all_its_files(facts, tmp_path):
    """Each file of a folder counts, and the rows of all training files are added."""
    folder = tmp_path / "rows"
    folder.mkdir()
    for name, lines in (("train-1.jsonl", 2), ("train-2.jsonl", 3)):
        (folder / name).write_text("{}\n" * lines)
    found = facts.data(source("jsonl", jsonl="rows"))
    assert len(found.externals) == 2
    assert found.rows == 5
    assert found.settings["jsonl"] == CONTENT


def test_hidden_folders_are_no_data(facts, tmp_path):
    """A store that fills below the data, hidden, changes nothing; one that is not hidden is refused by name."""
    plain = Facts(tmp_path, tmp_path / ".drdoctl").data(source("jsonl", jsonl="."))
    (tmp_path / ".drdoctl" / "artifacts").mkdir(parents=True)
    (tmp_path / ".drdoctl" / "artifacts" / "rows.jsonl").write_text("{}\n")
    hidden = Facts(tmp_path, tmp_path / ".drdoctl")
    assert hidden.data(source("jsonl", jsonl=".")).externals == plain.externals
    assert len(plain.externals) == 2


@pytest.mark.parametrize("option", [".", "rows"])
def test_a_store_inside_the_data_is_refused(tmp_path, option):
    """Before there is a store as well: what it is going to hold would be read as rows."""
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.jsonl").write_text("{}\n")
    facts = Facts(tmp_path, tmp_path / "rows" / "st", places=lambda key: Where("spec.yaml", 4))
    with pytest.raises(UserError, match="lies in the folder") as caught:
        facts.data(source("jsonl", jsonl=option))
    fault = caught.value.faults[0]
    assert (fault.where, "--store" in fault.hint) == (Where("spec.yaml", 4), True)
    assert facts.data(source("jsonl", jsonl="rows/a.jsonl")).rows == 1


def test_a_hub_dataset_is_its_commit(facts):
    """A dataset on the Hub has its id and commit for a hash; a local file beside it is hashed apart."""
    found = facts.data(source("ultrafeedback", revision="v1", eval_path="b.jsonl"))
    assert found.externals["data.source"] == "hub:HuggingFaceH4/ultrafeedback_binarized@unresolved:v1"
    assert len(found.externals["data.source.eval_path"]) == 64
    assert found.settings["revision"] == CONTENT
    assert found.rows == 61135


def test_a_generated_world_has_no_externals(facts):
    """A world made by a program is named by its options alone, and knows its rows."""
    found = facts.data(source("notes", train=77))
    assert (found.externals, found.rows) == ({}, 77)
    assert found.settings["train"] == 77


def test_missing_files_are_named_at_the_specs_line(facts):
    """A file that is not there is a fault at the spec's line."""
    with pytest.raises(UserError) as caught:
        facts.data(source("jsonl", jsonl="none.jsonl"))
    assert caught.value.faults[0].where.file == "spec.yaml"
    assert "none.jsonl" in caught.value.faults[0].message
