"""Weights in a folder: none, one file, or all that an index names."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))

from plan_world import write_model, write_weights

from drdoctl.core.errors import UserError
from drdoctl.spec.weights import found_weights, weight_files

KEY = "student.model"
SHARDS = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]


@pytest.fixture
def folder(tmp_path):
    """Return a model's folder with two shards and their index."""
    made = write_model(tmp_path / "a")
    (made / "model.safetensors").unlink()
    for name in SHARDS:
        write_weights(made / name)
    (made / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict(enumerate(SHARDS))}))
    return made


def lacks(folder):
    """Return what is said to lack."""
    with pytest.raises(UserError) as caught:
        weight_files(folder, key=KEY)
    (fault,) = caught.value.faults
    assert fault.code == "bad-weights"
    return fault.message.partition("lacks `")[2].partition("`")[0]


def test_shards_are_whole_where_all_are_there(folder):
    """A cut download lacks a shard, a careless copy the index; a model in one file needs neither."""
    assert [path.name for path in weight_files(folder, key=KEY)] == ["config.json", *SHARDS]
    (folder / SHARDS[1]).rename(folder / "aside")
    assert lacks(folder) == SHARDS[1]
    (folder / "aside").rename(folder / SHARDS[1])
    (folder / "model.safetensors.index.json").write_text("[]")
    assert lacks(folder) == "model.safetensors.index.json"
    (folder / "model.safetensors.index.json").unlink()
    assert lacks(folder) == "model.safetensors.index.json"
    write_weights(folder / "model.safetensors")
    assert len(weight_files(folder, key=KEY)) == 4


def test_an_index_alone_is_no_weights(folder):
    """Where no shard has come yet there are none."""
    for name in SHARDS:
        (folder / name).unlink()
    assert found_weights(folder, KEY, None) == []
    with pytest.raises(UserError, match="has no weights"):
        weight_files(folder, key=KEY)
