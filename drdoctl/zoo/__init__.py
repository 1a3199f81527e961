"""The zoo: finished oracles and students, described by cards, in a folder, at a URL or on the Hub.

`location.open_zoo` turns a location into a `Zoo`; `pull`, `push` and `verify` work on any of them.
What comes out of a zoo is treated as hostile until every file's name, format and sha256 are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from drdoctl.core.errors import IntegrityError, ZooError

if TYPE_CHECKING:
    from drdoctl.zoo.card import FileEntry

CARD_FILE = "drdoctl.json"
"""The card's name in a published folder; on the Hub it lies beside the files."""
SIGNATURE_FILE = "model.sig"
"""The signature's name in a published folder, beside the card and, like the page, not in it."""
PAGE = "README.md"
"""The page's name on the Hub."""
SHIPPED = "shipped:"
"""Location of what came with drdoctl itself; see `shipped.ShippedZoo`."""


@dataclass(frozen=True)
class Upload:
    """What is handed to a zoo: the card's exact bytes, the files it lists, and the page a reader sees."""

    card: bytes
    files: Mapping[str, Path]
    """File name -> local path. Names and hashes are the card's."""
    readme: str
    tag: str | None = None
    private: bool = True
    """Whether a repository made for it is private; folders have no such thing."""
    signature: bytes | None = None
    """`model.sig`: an OpenSSF signature of the card and the files."""

    def sizes(self) -> dict[str, int]:
        """Return file name -> bytes of all that goes up, sorted. A folder or bucket takes no page."""
        beside = {CARD_FILE: self.card, PAGE: self.readme.encode(), SIGNATURE_FILE: self.signature}
        return {
            **{name: path.stat().st_size for name, path in sorted(self.files.items())},
            **{name: len(data) for name, data in sorted(beside.items()) if data is not None},
        }


class Zoo(Protocol):
    """Where names live. Revisions are immutable ids of 40 hex digits; tags never move; `main` is the newest."""

    location: str
    """As a user writes it."""

    def names(self) -> list[str]:
        """Return all names, sorted."""

    def resolve(self, name: str, revision: str | None = None) -> str:
        """Return the id that a tag, `main` (None) or an id means. Raises ZooError where there is none."""

    def tags(self, name: str) -> dict[str, str]:
        """Return tag -> id."""

    def card(self, name: str, revision: str) -> bytes:
        """Return the card's bytes at an id. Raises IntegrityError where they are not what was published."""

    def signature(self, name: str, revision: str) -> bytes | None:
        """Return `model.sig` at an id, None where what lies there is not signed."""

    def listing(self, name: str, revision: str) -> dict[str, int]:
        """Return file name -> bytes of what the zoo holds at an id; card, page and signature left out."""

    def fetch(self, name: str, revision: str, path: str, target: Path, entry: FileEntry) -> None:
        """Write one file to `target`. `entry` is what the card says of it; the caller checks the hash."""

    def publish(self, name: str, upload: Upload) -> str:
        """Make the files and the card visible at once, then the tag; return the id. Idempotent."""


def tag_exists(name: str, tag: str, location: str) -> ZooError:
    """Return the error of a push whose tag is taken by other content."""
    return ZooError(
        f"tag `{tag}` of `zoo/{name}` exists in `{location}` and names something else; tags never move",
        code="tag-exists",
        hint="push again with the next tag: `--tag vN`",
    )


def missing_file(name: str, path: str, revision: str, location: str) -> IntegrityError:
    """Return the error of a file that the card lists and the zoo does not hold."""
    return IntegrityError(
        f"`{path}` of `zoo/{name}` is missing from `{location}` at `{revision[:12]}`",
        code="missing-file",
        hint=f"publish `zoo/{name}` again from the store that made it",
    )
