"""Where the zoo is: `--zoo`, the spec's `zoo:`, DRDOCTL_ZOO, else `hub:drdoctl`; and which `Zoo` opens it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from drdoctl.core.errors import UserError, ZooError
from drdoctl.core.files import expand
from drdoctl.zoo import Zoo
from drdoctl.zoo.card import NAME

DEFAULT = "hub:drdoctl"
VARIABLE = "DRDOCTL_ZOO"
LOCAL_SCHEMES = ("file", "local", "memory")
_REF = re.compile(r"^zoo/(?P<name>[^@]*)(?:@(?P<revision>.*))?$")
_REVISION = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
_ORG = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


@dataclass(frozen=True)
class Ref:
    """`zoo/NAME@REVISION`, taken apart."""

    name: str
    revision: str | None = None

    def __str__(self) -> str:
        """Return it as a user writes it."""
        return f"zoo/{self.name}" + (f"@{self.revision}" if self.revision else "")


def is_ref(text: str) -> bool:
    """Tell whether `text` is meant as a name in the zoo."""
    return text.startswith("zoo/")


def parse_ref(text: str) -> Ref:
    """Return the parts of `zoo/NAME[@TAG|ID]`. Raises UserError."""
    match = _REF.match(text)
    if match and re.match(NAME, match["name"]) and (match["revision"] is None or _REVISION.match(match["revision"])):
        return Ref(match["name"], match["revision"])
    raise UserError(
        f"`{text}` is not a name in the zoo",
        code="zoo-name",
        hint="write `zoo/NAME` or `zoo/NAME@TAG`, with letters, digits, `.`, `_` and `-`",
    )


def locate(written: str | None = None, base: Path | None = None) -> str:
    """Return the zoo's location: what is written (flag or spec), else DRDOCTL_ZOO, else the default.

    A relative folder is taken from `base` (the spec's folder); one in the environment from the current folder.
    """
    if written is None:
        return os.environ.get(VARIABLE) or DEFAULT
    if base is not None and not _is_hub(written) and "://" not in written:
        return str(base / expand(written))
    return written


def needs_network(location: str) -> bool:
    """Tell whether reading from `location` may leave this machine."""
    return _is_hub(location) or ("://" in location and urlsplit(location).scheme not in LOCAL_SCHEMES)


def open_zoo(location: str, *, offline: bool = False) -> Zoo:
    """Return the zoo at a location. Raises UserError where it cannot be one, ZooError where `offline` forbids it."""
    if offline and needs_network(location):
        raise ZooError(
            f"the zoo `{location}` needs the network, and this is an offline run",
            code="offline",
            hint="leave out `--offline`, or name a zoo in a folder: `--zoo DIR`",
        )
    if _is_hub(location):
        org = location.removeprefix("hub:")
        if not _ORG.match(org):
            raise UserError(f"`{location}` names no organisation on the Hub", code="zoo", hint="write `hub:ORG`")
        from drdoctl.zoo.hub import HubZoo

        return HubZoo(org)
    if "@" in urlsplit(location).netloc:
        raise UserError(
            "the zoo's URL holds a user name or a password",
            code="secret-in-url",
            hint="give credentials through the environment, as the storage's own tools read them",
        )
    from drdoctl.zoo.fs import FsZoo

    return FsZoo(location)


def _is_hub(location: str) -> bool:
    return location.startswith("hub:")
