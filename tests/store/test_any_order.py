"""A store under anything in any order: whatever is there is whole or known to be damaged, and it is always readable."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

sys.path.insert(0, str(Path(__file__).parents[1] / "zoo"))

import zoo_things

from drdoctl.core.errors import IntegrityError
from drdoctl.stages import Want
from drdoctl.store.artifact import Store
from drdoctl.store.garbage import discard, garbage
from drdoctl.store.status import status
from drdoctl.store.whole import lacks
from drdoctl.zoo.pull import pull
from drdoctl.zoo.push import pack, push

fill = runpy.run_path(str(Path(__file__).parent / "commit_once.py"))["fill"]
WANTS = [Want("sft", 1, {"seed": seed}, {}, {}) for seed in range(3)]
HURT = "hurt"
"""A file in an artifact whose files are no longer as they were committed; it goes with the artifact."""
MOMENT = st.integers(0, 25)
"""At which call that reaches the disk the process is killed; there are fewer of them than the largest."""


class Killed(BaseException):
    """What a process meets that is killed: nothing it does afterwards has any effect."""


class Fate:
    """Counts the calls that reach the disk, and kills at one of them; None: never."""

    def __init__(self, moment):
        self.left = moment

    def strikes(self):
        """Tell whether the process is dead at this call."""
        if self.left is None:
            return False
        self.left -= 1
        return self.left < 0

    def over(self, call):
        """Return the call as a mortal makes it."""

        def made(*args, **more):
            if self.strikes():
                raise Killed
            return call(*args, **more)

        return made

    def over_removal(self, call):
        """Return the call that removes a folder: struck in the middle of it, it has removed every other file."""

        def made(path, *args, **more):
            if not self.strikes():
                return call(path, *args, **more)
            files = [one for one in sorted(Path(path).rglob("*")) if one.is_file()]
            for file in files[::2] if self.left == -1 else ():  # at -2 and below it is dead already
                os.remove(file)  # noqa: PTH107  # not the call that is patched
            raise Killed

        return made


@contextmanager
def killed_at(moment):
    """Kill whoever works within at the n-th call that reaches the disk; None: never."""
    fate, patch = Fate(moment), pytest.MonkeyPatch()
    patch.setattr(os, "fsync", fate.over(lambda _: None))
    for name in ("rename", "replace", "unlink"):
        patch.setattr(Path, name, fate.over(getattr(Path, name)))
    patch.setattr(shutil, "rmtree", fate.over_removal(shutil.rmtree))
    try:
        with suppress(Killed):
            yield
    finally:
        patch.undo()


class Anything(RuleBasedStateMachine):
    """One store, a zoo beside it, and everything that happens to stores. Each rule is a process of its own."""

    @initialize()
    def make(self):
        """Begin with an empty store, and with one model in the zoo."""
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        self.root, self.zoo = root / "store", str(root / "zoo")
        other = Store(root / "other")
        other.prepare()
        self.pulled = zoo_things.make_artifact(other, "oracle")
        push(pack(other, self.pulled, "thing"), self.zoo)
        self.store.prepare()
        self.names = [*(want.artifact for want in WANTS), self.pulled]

    def teardown(self):
        """Remove all of it."""
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @property
    def store(self):
        """Return the store as a new process sees it."""
        return Store(self.root)

    @rule(want=st.sampled_from(WANTS), bare=st.booleans())
    def begin(self, want, bare):
        """Begin a stage, or go on with it, and be killed: with nothing but its job, or with all of its files."""
        if self.store.manifest(want.artifact) is None:
            folder = fill(self.store, want)
            for path in folder.iterdir() if bare else ():
                if path.name != "job.json":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    @rule(want=st.sampled_from(WANTS), moment=st.none() | MOMENT)
    def carry_out(self, want, moment):
        """Do what an apply does for one stage, perhaps not to the end."""
        store = self.store
        with killed_at(moment):
            if store.manifest(want.artifact) is None:
                _, resumes = store.open_partial(want)
                if resumes and store.half_committed(want.artifact):
                    store.finish(want.artifact)
                else:
                    fill(store, want)
                    store.commit(want, "toy", {}, 1)
        if moment is None:
            assert self.store.manifest(want.artifact) is not None

    @rule(moment=st.none() | MOMENT)
    def fetch(self, moment):
        """Pull the zoo's model, perhaps not to the end."""
        with killed_at(moment):
            pull(self.store, "zoo/thing", self.zoo)
        if moment is None:
            assert self.store.manifest(self.pulled) is not None

    @precondition(lambda self: self.store.manifests())
    @rule(data=st.data())
    def damage(self, data):
        """Flip a bit of a finished artifact's file or manifest, cut it, or lose a file."""
        made = data.draw(st.sampled_from(self.store.manifests()))
        artifact = next(name for name in self.names if name.endswith(made["fingerprint"][:12]))
        folder = self.store.path(artifact)
        if (folder / HURT).exists():
            return  # twice might be as before
        name = data.draw(st.sampled_from([*sorted(made["files"]), "manifest.json"]))
        content = bytearray((folder / name).read_bytes()) if (folder / name).exists() else bytearray(b"?")
        how = data.draw(st.sampled_from(["flip", "cut", "lose"]))
        if how == "cut" or (name == "manifest.json" and how == "lose"):
            (folder / name).write_bytes(content[: len(content) // 2])
        elif how == "flip":
            content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
            (folder / name).write_bytes(content)
        else:
            (folder / name).unlink(missing_ok=True)
        (folder / HURT).touch()

    @rule(data=st.data(), moment=st.none() | MOMENT)
    def collect_garbage(self, data, moment):
        """Remove what nobody needs, perhaps not all of it; what somebody needs stays as it is."""
        needed = set(data.draw(st.lists(st.sampled_from(self.names), unique=True)))
        there = {name for name in needed if self.store.manifest(name) is not None}
        with killed_at(moment):
            for waste in garbage(self.store, needed, 0, time.time() + 1e5):
                discard(waste)
        assert {name for name in needed if self.store.manifest(name) is not None} == there
        if moment is None:
            left = {path.name.removesuffix(".partial") for path in self.store.artifacts.iterdir()}
            assert left <= needed

    @rule()
    def follow_the_remedy(self):
        """Delete what is damaged, as the error says."""
        for name in self.names:
            if (self.store.path(name) / HURT).exists():
                shutil.rmtree(self.store.path(name))

    @invariant()
    def is_readable(self):
        """Status and the list of artifacts are had without an error, whatever happened before."""
        if not hasattr(self, "names"):
            return
        stages = [{"id": name, "kind": name.split("-")[0], "artifact": name} for name in self.names]
        states = {stage["id"]: stage["state"] for stage in status(self.store, stages)["stages"]}
        there = {name for name in self.names if self.store.manifest(name) is not None}
        assert len(self.store.manifests()) == len(there)
        whole = {name for name in there if lacks(self.store.path(name), self.store.manifest(name)) is None}
        assert {name for name, state in states.items() if state == "done"} == whole

    @invariant()
    def damage_is_never_taken_for_whole(self):
        """An artifact that is there has its bytes; one that was damaged is refused by whoever wants to read it."""
        for name in getattr(self, "names", ()):
            store, folder = self.store, self.store.path(name)
            if store.manifest(name) is None:
                continue
            if (folder / HURT).exists():
                with pytest.raises(IntegrityError, match=name):
                    store.verify_input(name, full=True)
                continue
            store.verify_input(name, full=True)
            if name != self.pulled:
                assert (folder / "model.safetensors").read_bytes() == bytes(range(256)) * 64
                assert json.loads((folder / "tokenizer" / "tokenizer.json").read_text()) == {}


Anything.TestCase.settings = settings(
    max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnything = Anything.TestCase
