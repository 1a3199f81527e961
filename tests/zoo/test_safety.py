"""Hostile files and names: refused by what they are, and never run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import zoo_things
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos._artifacts import NAMES, code, pickles
from drdoctl.core.errors import IntegrityError
from drdoctl.zoo.pull import pull
from drdoctl.zoo.safety import content_fault, name_faults, publishable

GOOD = zoo_things.safetensors()


@pytest.mark.parametrize("number", range(28))
def test_hostile_files_are_never_run(number, folder_zoo, other_store, tmp_path):
    """Each file of the corpus makes the pull fail with exit 5 by name; nothing is installed, and no canary appears."""
    canary = tmp_path / "canary"
    corpus = [*pickles(canary, GOOD), *code(canary)]
    assert len(corpus) == 28
    name, data = corpus[number]
    zoo_things.publish(folder_zoo.location, tmp_path, {**zoo_things.FILES, name: data})
    with pytest.raises(IntegrityError, match=name.replace(".", r"\.")):
        pull(other_store, "zoo/thing", folder_zoo.location)
    assert not canary.exists()
    assert not any(other_store.root.rglob("*.safetensors"))


@pytest.mark.parametrize("name", NAMES)
def test_names_outside_the_folder(name, folder_zoo, other_store, tmp_path):
    """A name that could leave the folder, or is not on the allow list, is refused before anything is written."""
    zoo_things.publish(folder_zoo.location, tmp_path, {**zoo_things.FILES, name: b"{}"})
    before = sorted(path for path in tmp_path.rglob("*") if folder_zoo.root not in path.parents)
    with pytest.raises(IntegrityError, match="not a file that a published model holds"):
        pull(other_store, "zoo/thing", folder_zoo.location)
    added = set(tmp_path.rglob("*")) - set(before) - set(folder_zoo.root.rglob("*"))
    assert {path.relative_to(other_store.root).parts[0] for path in added if path.is_file()} <= {
        "store.json",
        ".gitignore",
    }


def test_names_that_differ_in_case():
    """Two names that are one file on some disks are refused."""
    assert name_faults(["model.safetensors", "Model.safetensors"])
    assert name_faults(["model.safetensors", "config.json"]) == []


def test_symlinks(tmp_path):
    """A link is not a plain file, wherever it points."""
    (tmp_path / "real.safetensors").write_bytes(GOOD)
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "real.safetensors")
    assert content_fault(tmp_path / "model.safetensors") == "it is not a plain file"


def _header(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 8 + b"{}",
        _header(b"[]"),
        _header(b"{"),
        _header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}) + b"\0" * 4,
        _header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}),
        _header({"a": {"dtype": "object", "shape": [1], "data_offsets": [0, 4]}}) + b"\0" * 4,
        _header({"a": {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]}}) + b"\0" * 8,
        _header({"a": {"dtype": "U8", "shape": [True], "data_offsets": [0, 1]}}) + b"\0",
        _header({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}) + b"\0" * 5,
        _header({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}) + b"\0" * 3,
        _header(
            {
                "a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                "b": {"dtype": "U8", "shape": [4], "data_offsets": [2, 6]},
            }
        )
        + b"\0" * 6,
        _header(b"[" * 100_000),
    ],
)
def test_broken_safetensors(data, tmp_path):
    """Headers that lie about size, shape, type or place are refused."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    assert "not safetensors" in (content_fault(path) or "")


def test_real_safetensors(tmp_path):
    """What the safetensors library writes passes, an empty tensor and metadata included."""
    numpy = pytest.importorskip("numpy")
    library = pytest.importorskip("safetensors.numpy")
    tensors = {
        "a": numpy.ones((2, 3), numpy.float32),
        "b": numpy.zeros((0,), numpy.float16),
        "c": numpy.array(1, numpy.int64),
    }
    library.save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert content_fault(tmp_path / "model.safetensors") is None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_no_name_leaves_the_folder(name):
    """Whatever is publishable is one plain path component."""
    if publishable(name):
        assert Path(name).name == name
        assert name.isascii()
        assert name not in (".", "..")


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), name=st.sampled_from(["model.safetensors", "config.json", "merges.txt"]))
def test_wild_bytes_are_an_answer(data, name, tmp_path_factory):
    """Any bytes get an answer, never a traceback; and what passes as weights fills its file exactly."""
    path = tmp_path_factory.mktemp("wild") / name
    path.write_bytes(data)
    fault = content_fault(path)
    if fault is None and name == "model.safetensors":
        assert 8 + int.from_bytes(data[:8], "little") <= len(data)
