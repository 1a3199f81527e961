"""The zoo in a folder, or behind any URL that fsspec opens (file://, memory://, s3:// …).

    blobs/sha256/ab/<sha256>        contents, shared by all names
    <name>/revisions/<id>.json      cards; the id is the first 40 digits of the card's own sha256
    <name>/revisions/<id>.sig       their signatures, where there are any
    <name>/refs/tags/<tag>          pointers, made exclusively: a tag never moves
    <name>/refs/main                the newest; written last
    <name>/refs/unfinished/<id>     while a push with a tag is on its way

Object stores cannot rename, so order does the work: blobs (each read back), card, tag, main. A reader follows a
pointer to a card and a card to blobs, and so never sees half of anything. A push that was killed is taken up by
the next one; one whose tag is there, with nothing unfinished, leaves `main` to whoever pushed since.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from drdoctl.core.commands import quoted
from drdoctl.core.errors import IntegrityError, ZooError
from drdoctl.core.suggest import did_you_mean
from drdoctl.zoo import Upload, missing_file, tag_exists
from drdoctl.zoo.calls import overall
from drdoctl.zoo.card import FileEntry, parse_card
from drdoctl.zoo.root import Root
from drdoctl.zoo.shelf import not_published

ID_DIGITS = 40


class FsZoo:
    """A zoo on a file system. Satisfies `Zoo`."""

    def __init__(self, location: str) -> None:
        """Open the folder or URL; nothing is created before the first `publish`."""
        self.location = location
        self.root = Root(location)

    def names(self) -> list[str]:
        """Return all names that have a revision, sorted. Raises ZooError where there is no such folder."""
        if self.root.local and not Path(self.root.path).is_dir():
            raise ZooError(
                f"there is no folder `{self.location}` for a zoo",
                code="zoo-missing",
                hint=f"look at its path; `drdoctl push ARTIFACT zoo/NAME --zoo {quoted(self.location)}` makes one",
            )
        return sorted(path.split("/")[0] for path in self.root.glob("*/refs/main"))

    def resolve(self, name: str, revision: str | None = None) -> str:
        """Return the id of a tag, of `main` (None), or of an id that is there."""
        if revision is None or revision == "main":
            found = self._pointer(f"{name}/refs/main")
        elif _is_id(revision) and self.root.size(f"{name}/revisions/{revision}.json") is not None:
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
                or f"`drdoctl push ARTIFACT zoo/{quoted(name)} --zoo {quoted(self.location)}` makes it"
            )
            raise ZooError(f"`zoo/{name}` is not in the zoo `{self.location}`", code="zoo-unknown", hint=hint)
        if revision is None or revision == "main":
            raise ZooError(
                f"`zoo/{name}` in `{self.location}` does not say which revision is its newest: `refs/main` holds no id",
                code="zoo-revision",
                hint=f"publish it again: `drdoctl push ARTIFACT zoo/{quoted(name)} --zoo {quoted(self.location)}`",
            )
        tags = ", ".join(f"`{tag}`" for tag in self.tags(name)) or "none"
        raise ZooError(
            f"`zoo/{name}` has no revision `{revision}` in `{self.location}`",
            code="zoo-revision",
            hint=f"take one of its tags ({tags}), or leave `@{revision}` out",
        )

    def tags(self, name: str) -> dict[str, str]:
        """Return tag -> id."""
        found = [path.rsplit("/", 1)[1] for path in self.root.glob(f"{name}/refs/tags/*")]
        return {tag: self._pointer(f"{name}/refs/tags/{tag}") or "" for tag in found}

    def card(self, name: str, revision: str) -> bytes:
        """Return the card at an id; the id is its hash, so an edited card shows."""
        data = self.root.read(f"{name}/revisions/{revision}.json") or b""
        if _id(data) != revision:
            raise IntegrityError(
                f"the card of `zoo/{name}` in `{self.location}` is {'not what' if data else 'gone that'} was published "
                f"as `{revision[:12]}`",
                code="card",
                hint=f"publish `zoo/{name}` again from the store that made it",
            )
        return data

    def signature(self, name: str, revision: str) -> bytes | None:
        """Return the signature at an id, or None."""
        return self.root.read(f"{name}/revisions/{revision}.sig")

    def listing(self, name: str, revision: str) -> dict[str, int]:
        """Return file name -> bytes, of the files whose blobs are there."""
        card = parse_card(self.card(name, revision), name=name, where=f"`{self.location}`")
        sizes = {path: self.root.size(_blob(entry.sha256)) for path, entry in card.files.items()}
        return {path: size for path, size in sizes.items() if size is not None}

    def fetch(self, name: str, revision: str, path: str, target: Path, entry: FileEntry) -> None:
        """Copy one blob to `target`."""
        try:
            self.root.fetch(_blob(entry.sha256), target, entry.size)
        except FileNotFoundError as error:
            raise missing_file(name, path, revision, self.location) from error

    def publish(self, name: str, upload: Upload) -> str:
        """Write blobs, card, tag and main, in this order, each blob read back."""
        revision = _id(upload.card)
        files = parse_card(upload.card, name=name, where="this push").files
        # A far file may be read to see whether it is there, written, and read back.
        with overall(3 * sum(entry.size for entry in files.values())):
            unfinished = f"{name}/refs/unfinished/{revision}"
            tagged = bool(upload.tag) and self._tagged(name, upload.tag or "", revision)
            done = tagged and self.root.size(unfinished) is None
            for path, entry in files.items():
                self._put_blob(upload.files[path], entry)
            if upload.signature is not None and upload.signature != self.signature(name, revision):
                self.root.put(f"{name}/revisions/{revision}.sig", upload.signature)
            self.root.put(f"{name}/revisions/{revision}.json", upload.card)
            if done:
                return revision
            if upload.tag:
                self.root.put(unfinished, revision.encode())
                self._tag(name, upload.tag, revision, unfinished)
            self.root.put(f"{name}/refs/main", revision.encode())
            self.root.remove(unfinished)
            return revision

    def _tagged(self, name: str, tag: str, revision: str) -> bool:
        """Tell whether a tag is there. Raises ZooError where it names another revision."""
        now = self._pointer(f"{name}/refs/tags/{tag}")
        if now not in (None, revision):
            raise tag_exists(name, tag, self.location)
        return now is not None

    def _tag(self, name: str, tag: str, revision: str, unfinished: str) -> None:
        with contextlib.suppress(FileExistsError):
            self.root.create(f"{name}/refs/tags/{tag}", revision.encode())
        try:
            self._tagged(name, tag, revision)
        except ZooError as error:
            if error.faults[0].code == "tag-exists":
                self.root.remove(unfinished)
            raise

    def _put_blob(self, source: Path, entry: FileEntry) -> None:
        blob = _blob(entry.sha256)
        if self._holds(blob, entry):
            return
        self.root.put_file(blob, source, entry.size)
        if not self._holds(blob, entry):
            raise IntegrityError(
                f"`{blob}` in `{self.location}` was read back and does not hold what was sent",
                code="read-back",
                hint="push again; if that does not help, look at the disk or ask whoever runs the store",
            )

    def _holds(self, blob: str, entry: FileEntry) -> bool:
        return self.root.size(blob) == entry.size and self.root.sha256(blob, entry.size) == entry.sha256

    def _pointer(self, path: str) -> str | None:
        text = (self.root.read(path) or b"").decode("ascii", "replace").strip()
        return text if _is_id(text) else None


def _blob(sha256: str) -> str:
    return f"blobs/sha256/{sha256[:2]}/{sha256}"


def _id(card: bytes) -> str:
    return hashlib.sha256(card).hexdigest()[:ID_DIGITS]


def _is_id(text: str) -> bool:
    return len(text) == ID_DIGITS and set(text) <= set("0123456789abcdef")
