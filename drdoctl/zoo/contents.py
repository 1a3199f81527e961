"""What a push puts into a repository of the Hub, and whether a tree there holds just that, told by hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drdoctl.zoo import CARD_FILE, PAGE, SIGNATURE_FILE, Upload
from drdoctl.zoo.card import parse_card

KEPT = ".gitattributes"
"""The Hub's own file. It stays as it is."""
PIECE = 1 << 20


class Contents:
    """The files of one push: those that the card lists, and those beside them."""

    def __init__(self, name: str, upload: Upload) -> None:
        """Read the card. Raises IntegrityError where it is none."""
        self.paths = upload.files
        self.files = parse_card(upload.card, name=name, where="this push").files
        self.beside = {CARD_FILE: upload.card, PAGE: upload.readme.encode()}
        if upload.signature is not None:
            self.beside[SIGNATURE_FILE] = upload.signature
        self.size = sum(entry.size for entry in self.files.values())

    @property
    def ours(self) -> set[str]:
        """The names of all of them."""
        return {*self.files, *self.beside}

    def stale(self, tree: Mapping[str, Any]) -> list[str]:
        """Return what a tree holds that does not belong there."""
        return sorted(set(tree) - self.ours - {KEPT})

    def differences(self, tree: Mapping[str, Any], *, strict: bool) -> list[str]:
        """Return what is missing from a tree (path -> the client's `RepoFile`), is another file, or is too much.

        `strict`: all of it, as for a commit just made. Otherwise the page may differ, which people may edit; and where
        this push signs nothing, a signature that is there stays.
        """
        free = set() if strict else {PAGE, *({SIGNATURE_FILE} - self.ours)}
        missing = self.ours - set(tree) - ({PAGE} if not strict else set())
        changed = {path for path in self.ours & set(tree) - free if not self._is(path, tree[path])}
        return sorted(missing | changed | set(self.stale(tree)) - free)

    def _is(self, path: str, there: Any) -> bool:
        """Tell whether a file of a tree is ours: large ones have a sha256 there, small ones git's hash."""
        data = self.beside.get(path)
        size = len(data) if data is not None else self.files[path].size
        if there.size != size:
            return False
        if there.lfs is not None:
            sha256 = hashlib.sha256(data).hexdigest() if data is not None else self.files[path].sha256
            return bool(there.lfs.sha256 == sha256)
        return bool(there.blob_id == (git_hash(data) if data is not None else _git_file(self.paths[path], size)))

    def additions(self, tree: Mapping[str, Any] | None = None, commit: str = "") -> list[Any]:
        """Return the client's operations that put all files into a commit.

        Large files that `commit`, whose tree is given, holds already are copied from it: no byte goes up again.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationCopy

        large = {path for path, file in (tree or {}).items() if file.lfs is not None}
        return [
            *(
                CommitOperationCopy(path, path, src_revision=commit)
                if path in large
                else CommitOperationAdd(path, str(self.paths[path]))
                for path in sorted(self.files)
            ),
            *(CommitOperationAdd(path, data) for path, data in self.beside.items()),
        ]

    def removals(self, tree: Mapping[str, Any]) -> list[Any]:
        """Return the client's operations that take away what does not belong there."""
        from huggingface_hub import CommitOperationDelete

        return [CommitOperationDelete(path) for path in self.stale(tree)]


def git_hash(data: bytes) -> str:
    """Return git's name for content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _git_file(path: Path, size: int) -> str:
    made = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            made.update(piece)
    return made.hexdigest()
