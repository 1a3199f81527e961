"""Errors that every kind of zoo raises in the same words."""

from __future__ import annotations

from drdoctl.core.errors import IntegrityError, ZooError


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
