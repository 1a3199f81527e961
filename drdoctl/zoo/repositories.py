"""The model repositories of an organisation on the Hub, as a zoo is read: commits are revisions, tags are tags."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from drdoctl.core.errors import ZooError
from drdoctl.core.suggest import did_you_mean
from drdoctl.zoo import CARD_FILE, PAGE, SIGNATURE_FILE, missing_file
from drdoctl.zoo.calls import attempt, status
from drdoctl.zoo.card import FileEntry
from drdoctl.zoo.client import client, endpoint
from drdoctl.zoo.contents import KEPT
from drdoctl.zoo.shelf import not_published

BESIDE = (CARD_FILE, PAGE, SIGNATURE_FILE, KEPT)
"""What a repository holds beside the card's files. The page may be edited by hand, so no hash covers it."""
TAG = "drdoctl"
PRIVATE = "set HF_TOKEN if it is private, or name another zoo: `--zoo`"


class Repositories:
    """The repositories of one organisation (or user): one a name."""

    def __init__(self, org: str) -> None:
        """`org`: the name before the slash. HF_ENDPOINT, HF_TOKEN and HF_HOME are respected."""
        self.org = org
        self.location = f"hub:{org}"
        self.endpoint = endpoint()

    @cached_property
    def api(self) -> Any:
        """The client."""
        return client(self.endpoint)

    def repo(self, name: str) -> str:
        """Return the repository's id."""
        return f"{self.org}/{name}"

    def names(self) -> list[str]:
        """Return the names of the organisation's models that carry the tag `drdoctl`."""
        return sorted(model.id.split("/", 1)[1] for model in self.models())

    def models(self, tags: Sequence[str] = (), **asked: Any) -> list[Any]:
        """Return the client's facts about models with the tag `drdoctl` and all of `tags`; `asked`: its own options."""
        what = f"cannot list `{self.location}`"
        attempt(what, self.endpoint, self._greet)
        return attempt(
            what,
            self.endpoint,
            lambda: list(self.api.list_models(author=self.org, filter=[TAG, *tags], **asked)),
        )

    def _greet(self) -> None:
        """Ask for anything at all: lists come page by page, and the client tries each for a minute where nobody is."""
        _ = self.api
        from huggingface_hub import get_session

        get_session().head(self.endpoint)

    def resolve(self, name: str, revision: str | None = None) -> str:
        """Return the commit of a tag, a branch or a commit."""
        try:
            return str(self.info(name, revision, leave=(404,)).sha)
        except Exception as error:
            if status(error) != 404:
                raise
            if type(error).__name__ == "RevisionNotFoundError":
                tags = ", ".join(f"`{tag}`" for tag in self.tags(name)) or "none"
                raise ZooError(
                    f"`zoo/{name}` has no revision `{revision}` in `{self.location}`",
                    code="zoo-revision",
                    hint=f"take one of its tags ({tags}), or leave `@{revision}` out",
                ) from None
            raise ZooError(
                f"`zoo/{name}` is not in the zoo `{self.location}` at {self.endpoint}, or is private",
                code="zoo-unknown",
                hint=not_published(name) or did_you_mean(name, set(self.names()) - {name}) or PRIVATE,
            ) from None

    def info(self, name: str, revision: str | None = None, *, leave: tuple[int, ...] = ()) -> Any:
        """Return the client's facts about a repository: `sha`, `private`. `leave` is as for `calls.attempt`."""
        return attempt(
            f"cannot read `zoo/{name}`",
            self.endpoint,
            lambda: self.api.model_info(self.repo(name), revision=revision),
            leave=leave,
        )

    def tags(self, name: str) -> dict[str, str]:
        """Return tag -> commit."""
        return {ref.name: ref.target_commit for ref in sorted(self.refs(name).tags, key=lambda ref: ref.name)}

    def refs(self, name: str) -> Any:
        """Return the client's lists of a repository's `branches` and `tags`."""
        return attempt(
            f"cannot read the tags of `zoo/{name}`",
            self.endpoint,
            lambda: self.api.list_repo_refs(self.repo(name)),
        )

    def card(self, name: str, revision: str) -> bytes:
        """Return the card at a commit."""
        found = self._small(name, revision, CARD_FILE)
        if found is None:
            raise ZooError(
                f"`{self.repo(name)}` holds no `{CARD_FILE}`: it was not published by drdoctl",
                code="no-card",
                hint=f"use the repository itself as a model: `{self.repo(name)}`",
            )
        return found

    def signature(self, name: str, revision: str) -> bytes | None:
        """Return the signature at a commit, or None."""
        return self._small(name, revision, SIGNATURE_FILE)

    def _small(self, name: str, revision: str, path: str) -> bytes | None:
        with tempfile.TemporaryDirectory(prefix="drdoctl-card-") as folder:
            try:
                self._download(name, revision, path, Path(folder), 0)
            except Exception as error:
                if status(error) != 404:
                    raise
                return None
            return Path(folder, path).read_bytes()

    def listing(self, name: str, revision: str) -> dict[str, int]:
        """Return file name -> bytes at a commit, card, page and signature left out."""
        return {path: file.size for path, file in self.tree(name, revision).items() if path not in BESIDE}

    def tree(self, name: str, revision: str) -> dict[str, Any]:
        """Return file name -> the client's `RepoFile` (size, hashes), of all files at a commit."""
        from huggingface_hub.hf_api import RepoFile

        def read() -> dict[str, Any]:
            tree = self.api.list_repo_tree(self.repo(name), recursive=True, revision=revision)
            return {item.path: item for item in tree if isinstance(item, RepoFile)}

        return attempt(f"cannot list the files of `zoo/{name}`", self.endpoint, read)

    def fetch(self, name: str, revision: str, path: str, target: Path, entry: FileEntry) -> None:
        """Download one file at a commit."""
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as folder:
            try:
                self._download(name, revision, path, Path(folder), entry.size)
            except Exception as error:
                if status(error) != 404:
                    raise
                raise missing_file(name, path, revision, self.location) from None
            Path(folder, path).replace(target)

    def _download(self, name: str, revision: str, path: str, folder: Path, size: int) -> None:
        attempt(
            f"cannot download `{path}` of `zoo/{name}`",
            self.endpoint,
            lambda: self.api.hf_hub_download(self.repo(name), path, revision=revision, local_dir=folder),
            size=size,
            leave=(404,),
        )

    def make(self, name: str, *, private: bool) -> None:
        """Create the repository if it is not there. A server may ignore `private`: look before uploading."""
        attempt(
            f"cannot make the repository `{self.repo(name)}`",
            self.endpoint,
            lambda: self.api.create_repo(self.repo(name), private=private, repo_type="model", exist_ok=True),
        )
