"""Fetching and checking the files of a card."""

from __future__ import annotations

import pytest
import zoo_things

from drdoctl.core.errors import IntegrityError
from drdoctl.zoo.gather import file_fault, gather
from drdoctl.zoo.location import open_zoo, parse_ref
from drdoctl.zoo.resolve import look_up


def test_only_what_is_missing_is_fetched(folder_zoo, tmp_path):
    """Whole files stay, others are fetched, and each is reported once it is checked."""
    zoo_things.publish(folder_zoo.location, tmp_path, zoo_things.FILES)
    facts = look_up(parse_ref("zoo/thing"), folder_zoo.location)
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "config.json").write_bytes(zoo_things.FILES["config.json"])
    (folder / "tokenizer.json").write_bytes(b"{")
    seen = {}
    fetched = gather(open_zoo(folder_zoo.location), facts, folder, seen.__setitem__)
    assert set(fetched) == set(zoo_things.FILES) - {"config.json"}
    assert seen == {name: len(data) for name, data in zoo_things.FILES.items()}


def test_all_bad_files_are_named(folder_zoo, tmp_path):
    """One error names every file that is not what it should be."""
    files = {**zoo_things.FILES, "config.json": b"[]", "model.safetensors": b"junk"}
    zoo_things.publish(folder_zoo.location, tmp_path, files)
    facts = look_up(parse_ref("zoo/thing"), folder_zoo.location)
    folder = tmp_path / "here"
    folder.mkdir()
    with pytest.raises(IntegrityError) as error:
        gather(open_zoo(folder_zoo.location), facts, folder)
    assert [fault.message.split("`")[1] for fault in error.value.faults] == ["config.json", "model.safetensors"]


def test_file_fault(tmp_path):
    """Missing, linked, short and changed files each differ in their own way."""
    path = tmp_path / "file"
    entry = zoo_things.entry(b"abc")
    assert file_fault(path, entry) == "it is missing"
    path.write_bytes(b"ab")
    assert "2 bytes in place of 3" in (file_fault(path, entry) or "")
    path.write_bytes(b"abd")
    assert file_fault(path, entry) == "it has another sha256"
    path.write_bytes(b"abc")
    assert file_fault(path, entry) is None
    (tmp_path / "link").symlink_to(path)
    assert file_fault(tmp_path / "link", entry) == "it is missing"
