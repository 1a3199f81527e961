"""Pieces of a stage's work that are kept for a resume, each with the hash of its content and of whose it is.

A piece is 64 hex digits, a space, and the content. So a flipped bit, a cut end, and a piece that belongs under another
name are seen when it is read, and it alone is made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from drdoctl.core.errors import IntegrityError
from drdoctl.core.files import write_atomic
from drdoctl.core.progress import Progress, check_stop

if TYPE_CHECKING:
    from pathlib import Path

    from drdoctl.stages import Job

POLL_SECONDS = 0.2
SHOWN = 5
"""Pieces that a note names; the others are counted."""


def sealed(content: bytes, owner: str = "") -> bytes:
    """Return the content behind its hash. `owner`: which piece of what it is."""
    return _mark(content, owner) + b" " + content


def content_of(piece: bytes, owner: str = "") -> bytes | None:
    """Return the content of what `sealed` gave, or None where it is not just that."""
    mark, space, content = piece[:64], piece[64:65], piece[65:]
    return content if space == b" " and mark == _mark(content, owner) else None


def _mark(content: bytes, owner: str) -> bytes:
    sha = sha256(owner.encode() + b"\0")
    sha.update(content)
    return sha.hexdigest().encode()


def wait_until(ready: Callable[[], bool], job: Job) -> None:
    """Return as soon as another process is done. Raises StopRequested where the parent asks for an end."""
    while not ready():
        check_stop(job)
        time.sleep(POLL_SECONDS)


class Pieces:
    """The pieces of one table, files of `work/NAME` in the stage's folder in progress. Any process may read them."""

    def __init__(self, job: Job, *name: str) -> None:
        """`name`: tells tables of one stage apart."""
        self.job, self.name = job, "/".join(name)
        self.folder = job.path("work", *name)

    def path(self, piece: str) -> Path:
        """Return where a piece lies."""
        return self.folder / f"{piece}.piece"

    def there(self, piece: str) -> bool:
        """Whether a piece is there, whole or damaged."""
        return self.path(piece).exists()

    def put(self, piece: str, content: bytes) -> None:
        """Write a piece: whole or absent, whatever happens."""
        write_atomic(self.path(piece), sealed(content, self._owner(piece)))

    def get(self, piece: str) -> bytes | None:
        """Return a piece's content, or None where it is damaged or not there."""
        try:
            found = self.path(piece).read_bytes()
        except FileNotFoundError:
            return None
        return content_of(found, self._owner(piece))

    def damaged(self, pieces: Sequence[str], progress: Progress) -> list[int]:
        """Wait for all pieces and return the places of those that are damaged, after a note to the user."""
        found = []
        for place, piece in enumerate(pieces):
            wait_until(lambda piece=piece: self.there(piece), self.job)  # type: ignore[misc]
            if self.get(piece) is None:
                found.append(place)
        if found:
            named = ", ".join(str(place + 1) for place in found[:SHOWN]) + (" …" if len(found) > SHOWN else "")
            what = f"{len(found):,} of {len(pieces):,} pieces of `{self.name}`"
            progress.note(f"{what} were damaged on the disk, and are computed again: {named}")
        return found

    def whole(self, piece: str, *, mended: bool) -> bytes:
        """Return a piece's content, waiting for it; IntegrityError where it was damaged since it was `mended`."""
        if not mended:
            wait_until(lambda: self.get(piece) is not None, self.job)
        content = self.get(piece)
        if content is None:
            raise IntegrityError(
                f"`{self.path(piece)}` was damaged while the stage worked",
                code="piece",
                hint="run the same command again, which makes it anew; and look after the disk",
            )
        return content

    def _owner(self, piece: str) -> str:
        return f"{self.job.fingerprint}/{self.name}/{piece}"
