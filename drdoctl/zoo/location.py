"""Where the zoo is, and which `Zoo` opens it.

What is written (`--zoo`, the spec's `zoo:`) goes before DRDOCTL_ZOO, that before the user's config file. Where none of
them names a zoo, a name that ships with drdoctl is taken from what shipped, and any other from `hub:drdoctl`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from drdoctl.core.errors import UserError, ZooError
from drdoctl.core.files import expand
from drdoctl.zoo import SHIPPED, Zoo
from drdoctl.zoo.card import NAME

DEFAULT = "hub:drdoctl"
VARIABLE = "DRDOCTL_ZOO"
LOCAL_SCHEMES = ("file", "local", "memory")
_REF = re.compile(r"^zoo/(?P<name>[^@]*)(?:@(?P<revision>.*))?$")
_REVISION = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
_ID = re.compile(r"[0-9a-f]{40}")
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
    match = _REF.fullmatch(text)
    if (
        match
        and re.fullmatch(NAME, match["name"])
        and (match["revision"] is None or _REVISION.fullmatch(match["revision"]))
    ):
        return Ref(match["name"], match["revision"])
    raise UserError(
        f"`{text}` is not a name in the zoo",
        code="zoo-name",
        hint="write `zoo/NAME` or `zoo/NAME@TAG`, with letters, digits, `.`, `_` and `-`: at most 96 in the name, "
        "128 in the tag",
    )


def new_tag(name: str, tag: str | None) -> str | None:
    """Return a tag that a push may give to `zoo/NAME`, or None. Raises UserError for one that would mean another thing.

    `main` is the newest revision, and 40 hex digits are the id of one: neither can stand for good for another.
    """
    if tag is None:
        return None
    parse_ref(str(Ref(name, tag)))
    if tag == "main" or _ID.fullmatch(tag):
        what = "the newest revision" if tag == "main" else "a revision by its id"
        raise UserError(f"`{tag}` is no tag: it names {what}", code="tag", hint="take another, such as `--tag v1`")
    return tag


@dataclass(frozen=True)
class Place:
    """A zoo's location, and who says so."""

    location: str
    origin: str
    """`written`, DRDOCTL_ZOO, `FILE:LINE` of the config file, `shipped` or `default`."""


def locate(written: str | None = None, base: Path | None = None, *, ref: str | None = None) -> str:
    """Return the location of the zoo that `ref` (`zoo/NAME[@REV]`) is looked for in; see `place`."""
    return place(written, base, ref=ref).location


def place(written: str | None = None, base: Path | None = None, *, ref: str | None = None) -> Place:
    """Return where the zoo is and who says so. `written`: by a flag or the spec; None where neither does.

    A relative folder starts at `base` (the spec's folder), in the environment at the current folder, in the config file
    at the file's own. Raises UserError for a config file with faults.
    """
    if written is not None:
        return Place(_based(written, base), "written")
    if found := named():
        return found
    if ref is not None and ships(parse_ref(ref).name):
        return Place(SHIPPED, "shipped")
    return Place(DEFAULT, "default")


def named() -> Place | None:
    """Return the zoo that the environment or the user's config file names, or None."""
    if variable := os.environ.get(VARIABLE):
        return Place(_based(variable, None), VARIABLE)
    from drdoctl.spec.config import user_config

    config = user_config()
    if config.values.zoo is None:
        return None
    base = config.path.resolve().parent if config.path is not None else None
    return Place(_based(config.values.zoo, base), config.origin("zoo"))


def ships(name: str) -> bool:
    """Tell whether an artifact of this name came with drdoctl."""
    from drdoctl.shipped import shipped

    return (shipped("zoo") / "shipped" / name / "refs" / "main").is_file()


def _based(written: str, base: Path | None) -> str:
    """Return a location in the form that all code knows: `hub:ORG` for `hub://ORG`, folders from `base`."""
    if _is_hub(written):
        return f"hub:{_org(written)}"
    if base is None or written == SHIPPED or "://" in written:
        return written
    return os.path.normpath(base / expand(written))


def needs_network(location: str) -> bool:
    """Tell whether reading from `location` may leave this machine."""
    return _is_hub(location) or ("://" in location and urlsplit(location).scheme not in LOCAL_SCHEMES)


def require_lasting(location: str) -> None:
    """Raise UserError for a zoo that is gone with the process that publishes to it."""
    if "://" in location and urlsplit(location).scheme == "memory":
        raise UserError(
            f"the zoo `{location}` is gone when this process ends: nothing would be published",
            code="zoo",
            hint="name a folder, a bucket or an organisation: `--zoo DIR`, `--zoo s3://…`, `--zoo hub:ORG`",
        )


def zoo_option(location: str) -> str:
    """Return how a page's commands name a zoo: ` --zoo hub:my-lab`, or nothing for the zoo that is asked without it.

    A folder is FOLDER: its path is somebody's own.
    """
    if location in (DEFAULT, SHIPPED):
        return ""
    return f" --zoo {location}" if needs_network(location) else " --zoo FOLDER"


def open_zoo(location: str, *, offline: bool = False) -> Zoo:
    """Return the zoo at a location. Raises UserError where it cannot be one, ZooError where `offline` forbids it."""
    if not location.strip():
        raise UserError("the location of the zoo is empty", code="zoo", hint="write `--zoo DIR` or `--zoo hub:ORG`")
    if offline and needs_network(location):
        raise ZooError(
            f"the zoo `{location}` needs the network, and this is an offline run",
            code="offline",
            hint="leave out `--offline`, or name a zoo in a folder: `--zoo DIR`",
        )
    if _is_hub(location):
        org = _org(location)
        if not _ORG.match(org):
            raise UserError(f"`{location}` names no organisation on the Hub", code="zoo", hint="write `hub:ORG`")
        from drdoctl.zoo.hub import HubZoo

        return HubZoo(org)
    if location == SHIPPED:
        from drdoctl.zoo.shipped import ShippedZoo

        return ShippedZoo()
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


def _org(location: str) -> str:
    return location.removeprefix("hub:").removeprefix("//")
