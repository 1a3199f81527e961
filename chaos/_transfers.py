"""Pushes and a pull against the loopback Hub of the tests, and what must hold before, after and in between.

The requests are those of an undisturbed run, as the Hub logged them: `requests` counts, nobody lists them by hand.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from chaos._watch import ROOT
from drdoctl.core.errors import DrdoError
from drdoctl.store.artifact import Store
from drdoctl.zoo.pull import pull
from drdoctl.zoo.push import Package, pack, push

ACTS = ("first push", "next push", "pull")
BESIDE = ("README.md", ".gitattributes")


def leave(_number: int, _request: str) -> str | None:
    """Strike nothing."""
    return None


@dataclass
class Watched:
    """Asked by the Hub before each answer: looks at what a reader would see, then says what goes wrong."""

    look: Callable[[], str | None]
    strike: Callable[[int, str], str | None]
    count: int = 0
    seen: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def __call__(self, method: str, path: str) -> str | None:
        """Return the fault of one request."""
        request = f"{method} {re.sub(r'[0-9a-f]{12,64}', '*', path)}"
        with self.lock:
            number, self.count = self.count, self.count + 1
            self.seen.append(request)
        if found := self.look():
            self.wrong.append(f"before request {number}: {found}")
        return self.strike(number, request)


class World:
    """One Hub, and a name in it with an older version and a newer one to push. A few kB of files."""

    def __init__(self, hub: Any, work: Path, things: Any) -> None:
        """`things`: the module that makes small artifacts for the zoo's tests."""
        self.hub, self.work = hub, work
        self.store = Store(work / "store")
        self.store.prepare()
        # the newer version has other weights, one small file more and one less
        old = {**things.FILES, "vocab.json": b"{}", "model.safetensors": things.safetensors(b"\1" * 1024)}
        files = (old, {**things.FILES, "merges.txt": b"a b\n"})
        names = [things.make_artifact(self.store, "oracle", each, seed=seed) for seed, each in enumerate(files)]
        self.old, self.new = (pack(self.store, name, "thing") for name in names)
        self.trees = [_tree(self.old), _tree(self.new)]
        push(self.old, "hub:org", tag="v1")
        self.before = {"first push": ({}, {}), "next push": self._state()}
        push(self.new, "hub:org", tag="v2")
        self.before["pull"] = self._state()

    def _state(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        return copy.deepcopy(self.hub.repos), dict(self.hub.blobs)

    def begin(self, act: str, strike: Callable[[int, str], str | None] = leave) -> Watched:
        """Set the Hub and the disk to what is there before an act, and let `strike` say what goes wrong."""
        repos, blobs = self.before[act]
        self.hub.repos, self.hub.blobs = copy.deepcopy(repos), dict(blobs)
        self.hub.log.clear()
        shutil.rmtree(self.target.root, ignore_errors=True)
        watched = self.hub.fault = Watched(self.half, strike)
        return watched

    @property
    def target(self) -> Store:
        """Where a pull goes."""
        return Store(self.work / "target")

    def do(self, act: str) -> tuple[str, ...]:
        """Push or pull; return what a pull fetched."""
        if act == "pull":
            return pull(self.target, "zoo/thing@v2", "hub:org").fetched
        push(self.new, "hub:org", tag="v2")
        return ()

    def requests(self, act: str) -> list[str]:
        """Return the requests of an undisturbed act, in order."""
        watched = self.begin(act)
        self.do(act)
        return watched.seen

    # what must hold

    def half(self) -> str | None:
        """Return what a reader of `main` or of a tag would see that is neither the old version nor the new one."""
        for repo in self.hub.repos.values():
            if not repo.private:
                return "the repository is public"
            for name, commit in {"main": repo.head, **repo.tags}.items():
                tree = {path: oid for path, oid in repo.commits[commit].items() if path not in BESIDE}
                if not (tree in self.trees or (name == "main" and not tree)):
                    return f"`{name}` holds {sorted(tree)}"
                if tree and not self.hub.blobs.keys() >= {*tree.values(), repo.commits[commit]["README.md"]}:
                    return f"`{name}` names contents that are not there"
        return None

    def ends(self, act: str) -> list[str]:
        """Do the act again, undisturbed, and return what is wrong then."""
        watched = self.begin_again()
        whole = self._whole()
        fetched = self.do(act)
        wrong = [*watched.wrong]
        if act == "pull":
            again = [name for name in whole if any(f"/{name}" in path for _, _, path, _ in self.hub.log)]
            wrong += [f"fetched again: {again}"] if again or set(whole) & set(fetched) else []
            self.target.verify(self.new.card.artifact)
            litter = [path.name for path in self.target.pulls.iterdir()]
            return [*wrong, *([f"litter: {litter}"] if litter else [])]
        (repo,) = self.hub.repos.values()
        new = [commit for commit, tree in repo.commits.items() if self.trees[1].items() <= tree.items()]
        facts = {
            "`main`": self.trees[1].items() <= repo.commits[repo.head].items(),
            "the tag": repo.tags.get("v2") in new,
            "a branch is left": set(repo.branches) == {"main"},
            "duplicate commits": len(repo.history) == (3 if act == "next push" else 2) and len(new) == 2,
        }
        return [*wrong, *(name for name, right in facts.items() if not right)]

    def begin_again(self) -> Watched:
        """End all faults, and forget what was logged."""
        self.hub.log.clear()
        watched = self.hub.fault = Watched(self.half, leave)
        return watched

    def _whole(self) -> list[str]:
        """Return which files an interrupted pull has whole."""
        files = self.new.card.files
        found = [path for path in self.target.pulls.glob("thing-*/*") if path.is_file() and path.name in files]
        return [path.name for path in found if path.stat().st_size == files[path.name].size]

    def now(self) -> list[str]:
        """Return what is half there, on the Hub or in the store."""
        found = [text] if (text := self.half()) else []
        if self.target.path(self.new.card.artifact).exists():
            try:
                self.target.verify(self.new.card.artifact)
            except DrdoError as error:
                found.append(f"the pulled artifact is not whole: {error}")
        return found


def _tree(package: Package) -> dict[str, str]:
    import hashlib

    card = hashlib.sha256(package.card.to_bytes()).hexdigest()
    return {"drdoctl.json": card, **{path: entry.sha256 for path, entry in package.card.files.items()}}


@contextmanager
def loopback() -> Iterator[tuple[Any, Any]]:
    """Run the Hub of the tests and point the client at it, with no pauses; yield it and the maker of artifacts."""
    sys.path.insert(0, str(ROOT / "tests" / "zoo"))
    import hub_server
    import zoo_things
    from huggingface_hub import constants

    proxies = {name: "" for name in os.environ if name.lower().endswith("_proxy")}
    with hub_server.serve() as hub:
        env = {**proxies, "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": hub.token, "HF_HUB_OFFLINE": "0"}
        with (
            mock.patch.dict(os.environ, env),
            mock.patch.object(constants, "HF_HUB_OFFLINE", False),
            mock.patch.object(time, "sleep"),
        ):
            yield hub, zoo_things
