import sys
from types import SimpleNamespace

import pytest

from drdoctl.core.errors import ZooError
from drdoctl.data import datasets
from drdoctl.data.alpaca_eval import AlpacaEval
from drdoctl.data.hub import HubSource
from drdoctl.data.ultrafeedback import UltraFeedback


@pytest.fixture
def fake_datasets(monkeypatch):
    """Stand in for `datasets`: remembers what was asked for and gives one pair."""
    asked = []

    def load_dataset(name, config=None, *, split, revision):
        asked.append((name, config, split, revision))
        return [{"question": "q", "chosen": "c", "rejected": "r", "prompt": "p"}]

    fake = SimpleNamespace(load_dataset=load_dataset, disable_progress_bars=lambda: None)
    monkeypatch.setitem(sys.modules, "datasets", fake)
    return asked


def test_the_named_splits_are_read_at_the_named_revision(fake_datasets):
    """Dataset, configuration, split and revision go to the Hub as the spec has them; columns are renamed."""
    source = HubSource(hub="org/name", revision="abc", config="small", eval="validation")
    rows = list(source.read("train", {"prompt": "question"}))
    assert (rows[0].prompt, rows[0].where) == ("q", "org/name/train:1")
    list(source.read("eval", {}))
    assert fake_datasets == [("org/name", "small", "train", "abc"), ("org/name", "small", "validation", "abc")]
    assert source.hub_dataset() == ("org/name", "abc")
    assert source.has_part("eval")
    assert not HubSource(hub="org/name").has_part("eval")


def test_an_adapter_reads_its_own_splits(fake_datasets):
    """UltraFeedback without a path is the Hub's data set with its preference splits."""
    list(UltraFeedback().read("eval", {}))
    assert fake_datasets == [("HuggingFaceH4/ultrafeedback_binarized", None, "test_prefs", None)]


def test_a_data_set_without_splits_is_read_as_a_file(monkeypatch):
    """AlpacaEval's annotations are one JSON file of the Hub's repository, at the revision the spec names."""
    asked = []

    def load_dataset(builder, *, data_files, split):
        asked.append((builder, data_files, split))
        return [{"instruction": "do", "output_1": "one", "output_2": "two", "preference": 2}]

    fake = SimpleNamespace(load_dataset=load_dataset, disable_progress_bars=lambda: None)
    monkeypatch.setitem(sys.modules, "datasets", fake)
    row = next(iter(AlpacaEval(revision="abc").read("train", {})))
    assert row.chosen == "two"
    file = "hf://datasets/tatsu-lab/alpaca_eval@abc/alpaca_eval_annotations_alpaca_eval_gpt4.json"
    assert asked == [("json", file, "train")]


def test_a_path_stands_in_for_the_hub(tmp_path, fake_datasets, write_rows):
    """With `path` the Hub is never asked, and the source says so."""
    write_rows([{"prompt": "p", "chosen": "c", "rejected": "r"}])
    source = UltraFeedback(path="pairs.jsonl").at(tmp_path)
    assert len(list(source.read("train", {}))) == 1
    assert source.hub_dataset() is None
    assert fake_datasets == []


def test_an_unreachable_hub_is_exit_4_with_the_way_around(monkeypatch):
    """Where the Hub cannot be read the error belongs to the zoo and names `path:`."""

    def load_dataset(*_, **__):
        raise ConnectionError("offline")

    fake = SimpleNamespace(load_dataset=load_dataset, disable_progress_bars=lambda: None)
    monkeypatch.setitem(sys.modules, "datasets", fake)
    with pytest.raises(ZooError) as error:
        list(UltraFeedback().read("train", {}))
    assert error.value.exit_code == 4
    assert "path:" in (error.value.faults[0].hint or "")


def test_every_source_is_found_by_name():
    """The folder is the registry, and generic sources have keys of their own."""
    found = datasets()
    assert {"jsonl", "parquet", "hub", "ultrafeedback", "hh-rlhf", "tldr", "alpaca-eval"} <= set(found)
    assert {name for name, cls in found.items() if cls.key} == {"jsonl", "parquet", "hub"}
