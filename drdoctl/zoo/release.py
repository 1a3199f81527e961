"""Publish on the Hub so that a reader of `main` or of a tag sees the old version or the new one, whatever happens.

Each step is one request that the Hub carries out whole or not at all, and the next step follows from what is there:

1. a branch, `publish-<first 12 digits of the card's sha256>`, from `main`;
2. one commit on it with all files, the card and the page;
3. read back: the hash of every file, the bytes of the card;
4. the tag names that commit;
5. one commit on `main` with the same content: large files as copies of what the branch holds, so no byte goes up twice;
6. the branch goes.

A push that ended anywhere on the way is taken up by the next push of the same card: the branch tells that there was
one, and how far it came. Without the branch, a tag that holds the content is a finished push: `main` is left alone.

The tag comes before `main` because a tag is what two pushes can race for: the one that loses has not touched `main`.
So a tag and `main` are two commits of the same content. Nothing compares commits to tell models apart;
`Card.content_sha256` does.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drdoctl.core.errors import IntegrityError, ZooError
from drdoctl.zoo import CARD_FILE, Upload, tag_exists
from drdoctl.zoo.calls import allowed, another, explain, overall, status, transient, within
from drdoctl.zoo.contents import Contents
from drdoctl.zoo.repositories import Repositories

CONFLICTS = (409, 412)
"""Somebody was faster, or an earlier attempt landed although its answer was lost: look again."""


@dataclass
class _Refs:
    """What the repository's names mean, as far as this push knows."""

    head: str
    branch: str | None
    tagged: str | None


@dataclass(frozen=True)
class _Step:
    """One change to make on the Hub."""

    what: str
    call: Callable[[], None]
    size: int = 0


class Release:
    """One push to one repository."""

    def __init__(self, zoo: Repositories, name: str, upload: Upload) -> None:
        """Nothing is asked or sent before `run`."""
        self.zoo, self.name, self.upload, self.repo = zoo, name, upload, zoo.repo(name)
        self.contents = Contents(name, upload)
        self.branch = f"publish-{hashlib.sha256(upload.card).hexdigest()[:12]}"
        self.refs: _Refs | None = None
        self.made: set[str] = set()
        self.read: set[str] = set()
        self.landed: str | None = None
        self.seen: dict[str, dict[str, Any]] = {}

    def run(self) -> str:
        """Make what is missing, step by step; return the commit that the tag names, or without a tag that of `main`."""
        with overall(self.contents.size):
            self.zoo.make(self.name, private=self.upload.private)
            failures: dict[str, int] = {}
            while isinstance(step := self._next(), _Step):
                try:
                    within(allowed(step.size), step.call)
                except Exception as error:  # noqa: BLE001  # see `calls.attempt`
                    number = failures.get(step.what, 0)
                    failures[step.what] = number + 1
                    if not (_passes(error) and another(number, error)):
                        raise explain(f"cannot {step.what}", self.zoo.endpoint, error) from None
                    self.refs = None  # it may have landed: the Hub is asked, not guessed about
            return step

    def _next(self) -> _Step | str:
        """Return the first step that is missing, or the commit that was published."""
        refs = self.refs = self.refs or self._look()
        if refs.tagged and not self._same(refs.tagged):
            self._drop(refs)
            raise tag_exists(self.name, str(self.upload.tag), self.zoo.location)
        if refs.branch is not None:
            return self._go_on(refs, refs.branch)
        if refs.tagged:
            return refs.tagged
        if self._same(main := self.landed or refs.head):
            return self._tag(self.upload.tag, main) if self.upload.tag else main
        return _Step(f"make a branch of `{self.repo}`", self._make_branch)

    def _go_on(self, refs: _Refs, branch: str) -> _Step:
        """Return what is missing where there is a branch."""
        if not self._same(branch):
            return _Step(f"upload `zoo/{self.name}`", self._fill_branch, self.contents.size)
        self._read_card(branch)
        if self.upload.tag and not refs.tagged:
            return self._tag(self.upload.tag, branch)
        if not self._same(self.landed or refs.head):
            return _Step(f"publish `zoo/{self.name}`", self._move_main)
        self.landed = self.landed or refs.head  # from here on `main` is somebody else's to move
        return _Step(f"delete the branch `{self.branch}` of `{self.repo}`", self._delete_branch)

    def _look(self) -> _Refs:
        info = self.zoo.info(self.name)
        if self.upload.private and info.private is not True:
            raise ZooError(
                f"`{self.repo}` is public, and this push is private: nothing is uploaded",
                code="zoo-public",
                hint="push with `--public`, or make the repository private first",
            )
        refs = self.zoo.refs(self.name)
        branches = {ref.name: str(ref.target_commit) for ref in refs.branches}
        tags = {ref.name: str(ref.target_commit) for ref in refs.tags}
        return _Refs(str(info.sha), branches.get(self.branch), tags.get(self.upload.tag or ""))

    # what a commit holds

    def _same(self, commit: str) -> bool:
        """Tell whether a commit holds this card and the files it lists, by hash, and no other file.

        Raises IntegrityError for a commit of this push that does not hold what was sent, page and all.
        """
        tree = self.seen.get(commit)
        if tree is None:
            tree = self.seen[commit] = self.zoo.tree(self.name, commit)
        own = commit in self.made
        wrong = self.contents.differences(tree, strict=own)
        if wrong and own:
            raise self._not_sent(wrong)
        return not wrong

    def _read_card(self, commit: str) -> None:
        """Read the card back from the branch, byte for byte, once."""
        if commit not in self.read and self.zoo.card(self.name, commit) != self.upload.card:
            raise self._not_sent([CARD_FILE])
        self.read.add(commit)

    def _not_sent(self, paths: list[str]) -> IntegrityError:
        return IntegrityError(
            f"`{self.repo}` was read back and does not hold what was sent: `{'`, `'.join(paths)}`",
            code="read-back",
            hint="push again, and if that does not help ask whoever runs the Hub",
        )

    # the steps

    def _known(self) -> _Refs:
        assert self.refs is not None  # noqa: S101  # steps are made from it
        return self.refs

    def _make_branch(self) -> None:
        refs = self._known()
        self.zoo.api.create_branch(self.repo, branch=self.branch, revision=refs.head)
        refs.branch = refs.head

    def _fill_branch(self) -> None:
        refs = self._known()
        refs.branch = self._commit(self.contents.additions(), self.branch, refs.branch or "")

    def _move_main(self) -> None:
        refs = self._known()
        branch = refs.branch or ""
        refs.head = self.landed = self._commit(self.contents.additions(self.seen[branch], branch), "main", refs.head)

    def _commit(self, additions: list[Any], revision: str, parent: str) -> str:
        done = self.zoo.api.create_commit(
            self.repo,
            [*additions, *self.contents.removals(self.seen[parent])],
            commit_message=f"Publish {self.name}",
            revision=revision,
            parent_commit=parent,
        )
        self.made.add(str(done.oid))
        return str(done.oid)

    def _tag(self, tag: str, commit: str) -> _Step:
        def call() -> None:
            self.zoo.api.create_tag(self.repo, tag=tag, revision=commit, exist_ok=False)
            self._known().tagged = commit

        return _Step(f"tag `zoo/{self.name}` as `{tag}`", call)

    def _delete_branch(self) -> None:
        self.zoo.api.delete_branch(self.repo, branch=self.branch)
        self._known().branch = None

    def _drop(self, refs: _Refs) -> None:
        """Leave no branch behind a push that is refused, if that can be helped."""
        if refs.branch is not None:
            with contextlib.suppress(Exception):
                within(allowed(), self._delete_branch)


def _passes(error: Exception) -> bool:
    """Tell whether looking again may find a way on: also where a twin of this push has cleared the branch away."""
    gone = type(error).__name__ == "RevisionNotFoundError"
    return transient(error) or status(error) in CONFLICTS or gone
