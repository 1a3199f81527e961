"""Verifying folders on this machine."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import IntegrityError, UserError
from drdoctl.zoo.verify import verify_folder


def test_sound_artifacts(store, oracle):
    """A fresh artifact verifies, log and manifest aside."""
    (store.path(oracle) / "log.txt").write_text("hello", encoding="utf-8")
    assert verify_folder(store.path(oracle)).files == len(list(store.path(oracle).iterdir())) - 2


def test_all_faults_are_named_at_once(store, oracle):
    """A changed, a missing, an extra and a linked file are named in one error."""
    folder = store.path(oracle)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    (folder / "config.json").unlink()
    (folder / "extra.bin").write_bytes(b"x")
    (folder / "link.json").symlink_to(folder / "tokenizer.json")
    with pytest.raises(IntegrityError) as error:
        verify_folder(folder)
    named = [fault.message.split("`")[1] for fault in error.value.faults]
    assert named == ["config.json", "model.safetensors", "extra.bin", "link.json"]


def test_a_folder_of_something_else(tmp_path):
    """A folder with neither manifest nor card is exit 2."""
    with pytest.raises(UserError):
        verify_folder(tmp_path)


def test_a_broken_manifest(store, oracle):
    """A manifest that is not one is exit 5."""
    (store.path(oracle) / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(IntegrityError):
        verify_folder(store.path(oracle))


def test_a_manifest_that_was_changed_by_hand(store, oracle):
    """A figure that is edited in a manifest is exit 5, with the manifest and the remedy named."""
    path = store.path(oracle) / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"spec_name": "', '"spec_name": "x'), encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"manifest\.json` is not as it was written") as error:
        verify_folder(store.path(oracle))
    assert f"rm -r {store.path(oracle)}" in (error.value.faults[0].hint or "")
