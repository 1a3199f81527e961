"""The zoo on the Hub: one model repository a name, commits as revisions, tags as tags.

All files and the card go up in one commit, so that a reader sees the old model or the new one; the
tag comes after. A commit whose answer was lost is looked for before it is sent again.
"""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

from drdoctl.core.errors import ZooError
from drdoctl.core.suggest import did_you_mean
from drdoctl.zoo import CARD_FILE, Upload, missing_file, tag_exists
from drdoctl.zoo.calls import ATTEMPTS, allowed, attempt, explain, pause, status, transient, within
from drdoctl.zoo.card import Card, FileEntry, parse_card
from drdoctl.zoo.client import client, endpoint
from drdoctl.zoo.shelf import not_published

PAGE = "README.md"
BESIDE = (CARD_FILE, PAGE, ".gitattributes")
"""What a repository holds beside the card's files. The page may be edited by hand, so no hash covers it."""
TAG = "drdoctl"
PRIVATE = "set HF_TOKEN if it is private, or name another zoo: `--zoo`"


class HubZoo:
    """The repositories of one organisation (or user). Satisfies `Zoo`."""

    def __init__(self, org: str) -> None:
        """`org`: the name before the slash. HF_ENDPOINT, HF_TOKEN and HF_HOME are respected."""
        self.org = org
        self.location = f"hub:{org}"
        self.endpoint = endpoint()

    @cached_property
    def api(self) -> Any:
        """The client."""
        return client(self.endpoint)

    def _repo(self, name: str) -> str:
        return f"{self.org}/{name}"

    def names(self) -> list[str]:
        """Return the names of the organisation's models that carry the tag `drdoctl`."""
        what = f"cannot list `{self.location}`"
        attempt(what, self.endpoint, self._greet)
        found = attempt(
            what,
            self.endpoint,
            lambda: [model.id for model in self.api.list_models(author=self.org, filter=TAG)],
        )
        return sorted(name.split("/", 1)[1] for name in found)

    def _greet(self) -> None:
        """Ask for anything at all: lists come page by page, and the client tries each for a minute where nobody is."""
        _ = self.api
        from huggingface_hub import get_session

        get_session().head(self.endpoint)

    def resolve(self, name: str, revision: str | None = None) -> str:
        """Return the commit of a tag, a branch or a commit."""
        try:
            return str(self._info(name, revision).sha)
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

    def _info(self, name: str, revision: str | None = None) -> Any:
        return attempt(
            f"cannot read `zoo/{name}`",
            self.endpoint,
            lambda: self.api.model_info(self._repo(name), revision=revision),
            leave=(404,),
        )

    def tags(self, name: str) -> dict[str, str]:
        """Return tag -> commit."""
        refs = attempt(
            f"cannot read the tags of `zoo/{name}`",
            self.endpoint,
            lambda: self.api.list_repo_refs(self._repo(name)),
        )
        return {ref.name: ref.target_commit for ref in sorted(refs.tags, key=lambda ref: ref.name)}

    def card(self, name: str, revision: str) -> bytes:
        """Return the card at a commit."""
        with tempfile.TemporaryDirectory(prefix="drdoctl-card-") as folder:
            try:
                self._download(name, revision, CARD_FILE, Path(folder), 0)
            except Exception as error:
                if status(error) != 404:
                    raise
                raise ZooError(
                    f"`{self._repo(name)}` holds no `{CARD_FILE}`: it was not published by drdoctl",
                    code="no-card",
                    hint=f"use the repository itself as a model: `{self._repo(name)}`",
                ) from None
            return Path(folder, CARD_FILE).read_bytes()

    def listing(self, name: str, revision: str) -> dict[str, int]:
        """Return file name -> bytes at a commit, the card and the page left out."""
        from huggingface_hub.hf_api import RepoFile

        def read() -> dict[str, int]:
            tree = self.api.list_repo_tree(self._repo(name), recursive=True, revision=revision)
            return {item.path: item.size for item in tree if isinstance(item, RepoFile)}

        found = attempt(f"cannot list the files of `zoo/{name}`", self.endpoint, read)
        return {path: size for path, size in found.items() if path not in BESIDE}

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
            lambda: self.api.hf_hub_download(self._repo(name), path, revision=revision, local_dir=folder),
            size=size,
            leave=(404,),
        )

    def publish(self, name: str, upload: Upload) -> str:
        """Create the repository where needed, commit once, then tag."""
        card = parse_card(upload.card, name=name, where="this push")
        self._make(name, private=upload.private)
        if upload.tag and (done := self._tagged(name, upload.tag, upload.card)):
            return done
        revision = self._commit(name, card, upload)
        if upload.tag:
            self._tag(name, upload.tag, revision, upload.card)
        return revision

    def _make(self, name: str, *, private: bool) -> None:
        what = f"cannot make the repository `{self._repo(name)}`"
        attempt(
            what,
            self.endpoint,
            lambda: self.api.create_repo(self._repo(name), private=private, repo_type="model", exist_ok=True),
        )
        # A server may ignore the wish, and a repository that was there has its own mind: look before uploading.
        if private and self._info(name).private is not True:
            raise ZooError(
                f"`{self._repo(name)}` is public, and this push is private: nothing was uploaded",
                code="zoo-public",
                hint="push with `--public`, or make the repository private first",
            )

    def _same(self, name: str, revision: str, card: bytes) -> bool:
        """Tell whether a commit holds exactly this card and the files it lists."""
        try:
            if self.card(name, revision) != card:
                return False
        except ZooError as error:
            if error.faults[0].code == "no-card":
                return False
            raise
        files = parse_card(card, name=name, where="this push").files
        return self.listing(name, revision) == {path: entry.size for path, entry in files.items()}

    def _commit(self, name: str, card: Card, upload: Upload) -> str:
        what = f"cannot upload `zoo/{name}`"
        for number in range(ATTEMPTS):
            # Read anew each time: an earlier attempt may have landed although its answer was lost.
            head = str(self._info(name).sha)
            if self._same(name, head, upload.card):
                return head
            operations = self._operations(name, head, card, upload)
            try:
                commit = within(
                    allowed(card.size),
                    lambda head=head, operations=operations: self.api.create_commit(  # type: ignore[misc]
                        self._repo(name),
                        operations,
                        commit_message=f"Publish {card.artifact}",
                        parent_commit=head,
                    ),
                )
                return str(commit.oid)
            except Exception as error:  # noqa: BLE001  # see `calls.attempt`
                if not (transient(error) or status(error) == 412) or number == ATTEMPTS - 1:
                    raise explain(what, self.endpoint, error) from None
                pause(number, error)
        raise AssertionError("unreachable")

    def _operations(self, name: str, head: str, card: Card, upload: Upload) -> list[Any]:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        stale = sorted(set(self.listing(name, head)) - set(card.files))
        return [
            *(CommitOperationAdd(path, str(upload.files[path])) for path in sorted(card.files)),
            CommitOperationAdd(CARD_FILE, upload.card),
            CommitOperationAdd(PAGE, upload.readme.encode()),
            *(CommitOperationDelete(path) for path in stale),
        ]

    def _tagged(self, name: str, tag: str, card: bytes) -> str | None:
        """Return the commit that a tag names if it holds this card; None where there is no such tag."""
        found = self.tags(name).get(tag)
        if found is None:
            return None
        if not self._same(name, found, card):
            raise tag_exists(name, tag, self.location)
        return found

    def _tag(self, name: str, tag: str, revision: str, card: bytes) -> None:
        try:
            attempt(
                f"cannot tag `zoo/{name}` as `{tag}`",
                self.endpoint,
                lambda: self.api.create_tag(self._repo(name), tag=tag, revision=revision, exist_ok=False),
                leave=(409,),
            )
        except Exception as error:
            if status(error) != 409:
                raise
            # Somebody's push, or an earlier attempt of this one whose answer was lost.
            self._tagged(name, tag, card)
