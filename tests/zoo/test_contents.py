"""Whether a tree on the Hub holds what was pushed, by hash."""

from __future__ import annotations

import hashlib
import subprocess
from types import SimpleNamespace

import pytest
import zoo_things

from drdoctl.zoo import CARD_FILE, PAGE, Upload
from drdoctl.zoo.contents import Contents, git_hash


@pytest.fixture
def contents(tmp_path):
    """The contents of a small upload."""
    for name, data in zoo_things.FILES.items():
        (tmp_path / name).write_bytes(data)
    card = zoo_things.make_card().to_bytes()
    return Contents("thing", Upload(card, {name: tmp_path / name for name in zoo_things.FILES}, "page"))


def _tree(contents, large=("model.safetensors",)):
    data = {**zoo_things.FILES, **contents.beside}
    return {name: _file(data[name], large=name in large) for name in data}


def _file(data, *, large=False):
    sha256 = hashlib.sha256(data).hexdigest()
    lfs = SimpleNamespace(sha256=sha256) if large else None
    return SimpleNamespace(size=len(data), blob_id="f" * 40 if large else git_hash(data), lfs=lfs)


def test_git_names_content_so():
    """The hash of a small file is the one that git gives it."""
    made = subprocess.run(["git", "hash-object", "--stdin"], input=b"a\0b\n", capture_output=True, check=True)
    assert git_hash(b"a\0b\n") == made.stdout.decode().strip()


def test_the_same(contents):
    """A tree with all files, told by sha256 or by git's hash, whichever the Hub keeps, has no differences."""
    for large in ((), ("model.safetensors",), tuple(zoo_things.FILES), (CARD_FILE, PAGE)):
        tree = {**_tree(contents, large), ".gitattributes": _file(b"")}
        assert contents.differences(tree, strict=True) == []


@pytest.mark.parametrize("name", [*zoo_things.FILES, CARD_FILE])
@pytest.mark.parametrize("large", [True, False])
def test_another_content_of_the_same_size(contents, name, large):
    """One changed bit is a difference, named."""
    data = {**zoo_things.FILES, **contents.beside}[name]
    tree = {**_tree(contents), name: _file(data[:-1] + bytes([data[-1] ^ 1]), large=large)}
    assert contents.differences(tree, strict=False) == [name]


def test_too_few_and_too_many(contents):
    """A missing file and one that does not belong there are differences; the latter is what a commit removes."""
    tree = {**_tree(contents), "evil.py": _file(b"x")}
    del tree["config.json"]
    assert contents.differences(tree, strict=False) == ["config.json", "evil.py"]
    assert [one.path_in_repo for one in contents.removals(tree)] == ["evil.py"]


def test_the_page_is_free(contents):
    """A page that was edited or removed counts for a commit just made, and for no other."""
    for tree in ({**_tree(contents), PAGE: _file(b"mine")}, {k: v for k, v in _tree(contents).items() if k != PAGE}):
        assert contents.differences(tree, strict=False) == []
        assert contents.differences(tree, strict=True) == [PAGE]


def test_large_files_are_copied(contents):
    """Into a second commit large files go as copies of the first, small ones anew."""
    made = {one.path_in_repo: type(one).__name__ for one in contents.additions(_tree(contents), "c" * 40)}
    assert made["model.safetensors"] == "CommitOperationCopy"
    assert {kind for name, kind in made.items() if name != "model.safetensors"} == {"CommitOperationAdd"}
    assert set(made) == contents.ours
