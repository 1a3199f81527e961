"""The zoo in a folder, or behind any URL that fsspec opens (file://, memory://, s3:// …).

    blobs/sha256/ab/<sha256>      contents, shared by all names
    <name>/revisions/<id>.json    cards; the id is the first 40 digits of the card's own sha256
    <name>/refs/tags/<tag>        pointers, made exclusively: a tag never moves
    <name>/refs/main              the newest; written last

Object stores cannot rename, so order does the work: blobs, card, tag, main. A reader follows a
pointer to a card and a card to blobs, and so never sees half of anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drdoctl.core.errors import IntegrityError, UserError, ZooError
from drdoctl.core.files import disk_errors
from drdoctl.core.suggest import did_you_mean
from drdoctl.zoo import Upload, missing_file, tag_exists
from drdoctl.zoo.card import FileEntry, parse_card
from drdoctl.zoo.shelf import not_published

ID_DIGITS = 40


class FsZoo:
    """A zoo on a file system. Satisfies `Zoo`."""

    def __init__(self, location: str) -> None:
        """Open the folder or URL; nothing is created before the first `publish`."""
        import fsspec

        self.location = location
        try:
            self.fs, self.root = fsspec.core.url_to_fs(location)
        except (ImportError, ValueError) as error:
            raise UserError(
                f"the zoo `{location}` cannot be opened: {error}",
                code="zoo",
                hint="use a folder, `hub:ORG`, or a URL whose fsspec package is installed (s3:// needs `s3fs`)",
            ) from error
        self.fs.use_listings_cache = False
        self._local = "file" in _protocols(self.fs)

    def names(self) -> list[str]:
        """Return all names that have a revision, sorted."""
        with self._reach():
            return sorted(path.split("/")[-3] for path in self.fs.glob(f"{self.root}/*/refs/main"))

    def resolve(self, name: str, revision: str | None = None) -> str:
        """Return the id of a tag, of `main` (None), or of an id that is there."""
        with self._reach():
            if revision is None or revision == "main":
                found = self._pointer(f"{name}/refs/main")
            elif _is_id(revision) and self.fs.exists(self._path(f"{name}/revisions/{revision}.json")):
                found = revision
            else:
                found = self._pointer(f"{name}/refs/tags/{revision}")
        return found or self._missing(name, revision)

    def _missing(self, name: str, revision: str | None) -> str:
        names = self.names()
        if name not in names:
            hint = (
                not_published(name)
                or did_you_mean(name, names)
                or f"`drdoctl push ARTIFACT zoo/{name} --zoo {self.location}` makes it"
            )
            raise ZooError(f"`zoo/{name}` is not in the zoo `{self.location}`", code="zoo-unknown", hint=hint)
        if revision is None or revision == "main":
            raise ZooError(
                f"`zoo/{name}` in `{self.location}` does not say which revision is its newest: `refs/main` holds no id",
                code="zoo-revision",
                hint=f"publish it again: `drdoctl push ARTIFACT zoo/{name} --zoo {self.location}`",
            )
        tags = ", ".join(f"`{tag}`" for tag in self.tags(name)) or "none"
        raise ZooError(
            f"`zoo/{name}` has no revision `{revision}` in `{self.location}`",
            code="zoo-revision",
            hint=f"take one of its tags ({tags}), or leave `@{revision}` out",
        )

    def tags(self, name: str) -> dict[str, str]:
        """Return tag -> id."""
        with self._reach():
            found = {path.rsplit("/", 1)[1] for path in self.fs.glob(f"{self.root}/{name}/refs/tags/*")}
            return {tag: self._pointer(f"{name}/refs/tags/{tag}") or "" for tag in sorted(found)}

    def card(self, name: str, revision: str) -> bytes:
        """Return the card at an id; the id is its hash, so an edited card shows."""
        try:
            with self._reach():
                data: bytes = self.fs.cat_file(self._path(f"{name}/revisions/{revision}.json"))
        except (FileNotFoundError, NotADirectoryError):
            data = b""
        if _id(data) != revision:
            raise IntegrityError(
                f"the card of `zoo/{name}` in `{self.location}` is {'not what' if data else 'gone that'} was published "
                f"as `{revision[:12]}`",
                code="card",
                hint=f"publish `zoo/{name}` again from the store that made it",
            )
        return data

    def listing(self, name: str, revision: str) -> dict[str, int]:
        """Return file name -> bytes, of the files whose blobs are there."""
        card = parse_card(self.card(name, revision), name=name, where=f"`{self.location}`")
        with self._reach():
            there = {path: self._blob(entry.sha256) for path, entry in card.files.items()}
            return {path: int(self.fs.size(blob)) for path, blob in there.items() if self.fs.exists(blob)}

    def fetch(self, name: str, revision: str, path: str, target: Path, entry: FileEntry) -> None:
        """Copy one blob to `target`."""
        try:
            with self._reach(), disk_errors(target):
                self.fs.get_file(self._blob(entry.sha256), str(target))
        except FileNotFoundError as error:
            raise missing_file(name, path, revision, self.location) from error

    def publish(self, name: str, upload: Upload) -> str:
        """Write blobs, card, tag and main, in this order."""
        revision = _id(upload.card)
        if upload.tag:
            self._check_tag(name, upload.tag, revision)
        card = parse_card(upload.card, name=name, where="this push")
        with self._reach():
            for path, entry in card.files.items():
                self._put_blob(upload.files[path], entry.sha256, entry.size)
            self._put(f"{name}/revisions/{revision}.json", upload.card)
            if upload.tag:
                with contextlib.suppress(FileExistsError):
                    self._create(f"{name}/refs/tags/{upload.tag}", revision.encode())
        if upload.tag:
            self._check_tag(name, upload.tag, revision)
        with self._reach():
            self._put(f"{name}/refs/main", revision.encode())
        return revision

    def _check_tag(self, name: str, tag: str, revision: str) -> None:
        with self._reach():
            now = self._pointer(f"{name}/refs/tags/{tag}")
        if now not in (None, revision):
            raise tag_exists(name, tag, self.location)

    def _put_blob(self, source: Path, sha256: str, size: int) -> None:
        blob = self._blob(sha256)
        if not (self.fs.exists(blob) and self.fs.size(blob) == size):
            self._write(blob, lambda beside: self.fs.put_file(str(source), beside))

    def _put(self, path: str, data: bytes) -> None:
        self._write(self._path(path), lambda beside: self.fs.pipe_file(beside, data))

    def _write(self, path: str, writer: Any) -> None:
        """Write whole or not at all: object stores do so by themselves, a local disk needs the rename."""
        with disk_errors(Path(path)):
            self.fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            beside = f"{path}.{secrets.token_hex(4)}.tmp" if self._local else path
            writer(beside)
            if self._local:
                _sync(beside)
                os.replace(beside, path)  # noqa: PTH105  # a path of fsspec's, not of pathlib's

    def _create(self, path: str, data: bytes) -> None:
        """Write a file that must not be there yet; of several writers one wins, the others get FileExistsError."""
        full = self._path(path)
        self.fs.makedirs(full.rsplit("/", 1)[0], exist_ok=True)
        if not self._local:
            self.fs.pipe_file(full, data, mode="create")
            return
        beside = f"{full}.{secrets.token_hex(4)}.tmp"
        try:
            self.fs.pipe_file(beside, data)
            _sync(beside)
            os.link(beside, full)  # exclusive, and whole from the first moment
        finally:
            self.fs.rm_file(beside)

    def _pointer(self, path: str) -> str | None:
        try:
            text = self.fs.cat_file(self._path(path)).decode("ascii", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return text if _is_id(text) else None

    def _path(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _blob(self, sha256: str) -> str:
        return self._path(f"blobs/sha256/{sha256[:2]}/{sha256}")

    @contextmanager
    def _reach(self) -> Iterator[None]:
        """Turn what a remote store throws into an error that a user can act on; missing files pass through."""
        try:
            yield
        except (FileNotFoundError, FileExistsError, NotADirectoryError):
            raise
        except (PermissionError, OSError, TimeoutError) as error:
            raise ZooError(
                f"the zoo `{self.location}` cannot be reached: {type(error).__name__}: {error}",
                code="zoo-unreachable",
                hint="look at the address, the permissions and the network, then run the same command again",
            ) from error


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _id(card: bytes) -> str:
    return hashlib.sha256(card).hexdigest()[:ID_DIGITS]


def _is_id(text: str) -> bool:
    return len(text) == ID_DIGITS and set(text) <= set("0123456789abcdef")
