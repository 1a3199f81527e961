"""The soak: its blows strike what they say, it sees what is wrong, and its sums are right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from random import Random
from types import SimpleNamespace

import pytest

from chaos import __main__ as chaos
from chaos import _apply, _damage, soak
from chaos._hit import Hit, Kind, Missed, finish
from chaos._tally import line, share, summary
from chaos._world import SPEC, World, differences
from drdoctl.spec.load import load
from drdoctl.stages import KINDS, Want
from drdoctl.store.artifact import Store


def test_the_first_word_names_what_is_run(capsys):
    """A name that there is not is wrong usage, and the names that there are follow."""
    assert chaos.main(["nothing"]) == 2
    assert "soak" in capsys.readouterr().err


def test_the_pipeline_has_every_kind_of_stage(tmp_path):
    """The spec is one without faults, and its plan has every stage but publish, which writes outside the store."""
    from drdoctl.plan.compile import compile as wanted
    from drdoctl.spec.facts import Facts

    World(tmp_path).make()
    loaded = load(tmp_path / "soak.yaml")
    stages = wanted(loaded.spec, Facts(loaded.base, tmp_path / "store", None))
    assert {stage.kind for stage in stages} == set(KINDS) - {"publish"}
    assert SPEC.count("max_steps") == 3


def store_with(folder, text):
    """Return a store with one artifact, and its folder."""
    store = Store(folder)
    store.prepare()
    want = Want("data", 1, {"rows": 1})
    partial, _ = store.open_partial(want)
    (partial / "rows.txt").write_text(text)
    return store, store.commit(want, "toy", {}, 0.0)


def test_every_difference_is_seen(tmp_path):
    """Other content, a file harmed since, an artifact too few and one too many are told; equal stores are equal."""
    store, folder = store_with(tmp_path / "a", "one")
    wanted = {folder.name: store.manifest(folder.name)["files"]}
    assert differences(store, wanted) == []
    other, _ = store_with(tmp_path / "b", "two")
    assert differences(other, wanted) == [f"`{folder.name}/rows.txt` differs"]
    assert differences(store, {}) == [f"`{folder.name}` should not be there"]
    assert differences(store, {**wanted, "sft-0": {}}) == ["`sft-0` is missing"]
    _damage.flip(folder / "rows.txt", Random(0))  # noqa: S311
    assert "another sha256" in differences(store, wanted)[0]


@pytest.mark.parametrize("how", [_damage.flip, _damage.cut])
def test_harm_changes_a_file(tmp_path, how):
    """One bit is turned over, or the end is missing, every time."""
    for seed in range(50):
        path = tmp_path / "file"
        path.write_bytes(bytes(range(100)))
        how(path, Random(seed))  # noqa: S311
        found = path.read_bytes()
        if how is _damage.flip:
            assert sum((one ^ other).bit_count() for one, other in zip(found, range(100), strict=True)) == 1
        else:
            assert found == bytes(range(100))[: len(found)]
            assert len(found) < 100


CHILD = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'], "
CHILD += "start_new_session=True); print('up', flush=True); time.sleep(99)"


@pytest.fixture
def apply(tmp_path):
    """Return a stand-in for an apply: a process with a child in a session of its own."""

    class Stand(_apply.Apply):
        def __init__(self):
            self.token, self.events = f"stand-{tmp_path.name}", []
            self.world, self.store = World(tmp_path), Store(tmp_path / "store")
            env = {**os.environ, _apply.MARK: self.token}
            self.process = subprocess.Popen([sys.executable, "-c", CHILD], env=env, stdout=subprocess.PIPE)
            self.process.stdout.readline()
            self._reader = SimpleNamespace(join=lambda seconds: None)
            (tmp_path / "stderr.txt").write_text("nothing")

    made = Stand()
    yield made
    made.kill_all()
    made.process.stdout.close()


def test_a_hung_apply_is_given_its_own_limit(apply):
    """The driver waits longer than the spec's limit for a hung stage takes to end it."""
    apply.world.timeout_minutes = 7.0
    assert apply.patience > 60 * 7.0


def test_who_stays_is_found_and_told(apply, monkeypatch):
    """A child that outlives an apply in another session is one of its processes, and a fault until it is gone."""
    monkeypatch.setattr(_apply, "GONE_SECONDS", 0.3)
    assert len(_apply.marked(apply.token)) == 2
    apply.process.send_signal(signal.SIGKILL)
    hit = finish(apply, "here", None, (-9,))
    assert hit.exit == -9
    assert hit.wrong == ["a process of it stays"]
    assert _apply.marked(apply.token) == []


def test_another_exit_code_is_wrong(apply):
    """Where an apply ends otherwise than promised, the line says how, and with which words."""
    apply.kill_all()
    assert finish(apply, "here", None, (143,)).wrong == ["exit -9 in place of 143: nothing"]


class Calm:
    """An apply that ends well at once when it is waited for."""

    def __init__(self, world):
        self.process, self.errors = SimpleNamespace(returncode=0), ""

    def ended(self):
        """Never by itself."""
        return False

    def wait(self):
        """Return the exit code."""
        return 0


def test_a_fault_counts_when_it_has_struck(tmp_path, monkeypatch, capsys):
    """What strikes nothing is tried again, what strikes is one line and one look at the status, and counts once."""
    store, folder = store_with(tmp_path / "store", "one")
    after = Calm(None)
    tries = iter([Missed(), Hit("here", -9, after=after), Missed(), Hit("there", None, wrong=["something"])])
    struck = []

    def strike(apply, rng):
        struck.append(apply)
        found = next(tries)
        if isinstance(found, Missed):
            raise found
        return found

    monkeypatch.setattr(soak, "Apply", Calm)
    kind = Kind("a blow", strike, lambda apply: True, delay=0.0)
    wanted = {folder.name: store.manifest(folder.name)["files"]}
    run = soak.Soak(World(tmp_path), wanted, [kind], 0)
    run.run(2)
    assert [hit.place for _, hit in run.had] == ["here", "there"]
    assert run.rounds == [(1, [])]
    assert [one is after for one in struck] == [False, False, True, True]
    assert list(store.artifacts.iterdir()) == []
    lines = capsys.readouterr().out.splitlines()
    assert [text.split()[0] for text in lines] == ["1", "2", "WRONG:", "round"]


def test_silence_about_a_damaged_checkpoint_is_wrong(tmp_path, monkeypatch):
    """A stage whose checkpoint was harmed must have said in its log that it went on from another."""
    monkeypatch.setattr(soak, "Apply", Calm)
    found = []
    for said in ("", f"the checkpoint at step 5 is {_damage.DAMAGED}: training goes on from the start"):
        store, folder = store_with(tmp_path / "store", "one")
        (folder / "log.txt").write_text(said)
        world = World(tmp_path, owed=[folder.name])
        run = soak.Soak(world, {folder.name: store.manifest(folder.name)["files"]}, [], 0)
        run.run(0)
        found += [wrong for _, wrong in run.rounds]
    assert found == [[f"`{folder.name}` says nothing of its damaged checkpoint"], []]


def test_steps_taken_again_are_counted_from_the_newest_checkpoint(tmp_path):
    """Steps in the metrics after the newest whole checkpoint are taken again; a stage without metrics trains not."""
    assert _apply.redone(tmp_path) is None
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps({"step": step}) + "\n" for step in range(1, 9)))
    assert _apply.redone(tmp_path) == 8
    (tmp_path / "checkpoints" / "step-5").mkdir(parents=True)
    assert _apply.redone(tmp_path) == 8
    (tmp_path / "checkpoints" / "step-5" / "manifest.json").write_text("{}")
    assert _apply.redone(tmp_path) == 3


def test_the_sums_say_what_was_wrong():
    """Faults by kind, quantiles of what was taken again, and one plain answer."""
    assert [share(range(1, 101), part) for part in (0.5, 0.95, 1.0)] == [50, 95, 100]
    assert share([7.0], 0.5) == 7.0
    good, bad = Hit("sft, step 3", -9, 2, 0.25), Hit("align[dpo], step 9", 1, 4, 1.5, wrong=["it hangs"])
    assert line(7, "a blow", bad).splitlines()[1].strip() == "WRONG: it hangs"
    text = summary([("a", good), ("b", bad)], [(3, []), (3, ["`x` differs"])])
    assert "p50 2, p95 4, most 4, of 2 kills" in text
    assert "seconds until no process was left: p50 0.2, most 1.5" in text
    assert "faults survived: 1 of 2; of those, by the remedy that an error printed: 0" in text
    assert "printed: 1" in summary([("c", Hit("data", 5))], [])
    assert "equal to the undisturbed run: no, 6 artifacts in 2 rounds" in text
    assert "equal to the undisturbed run: yes" in summary([("a", good)], [(3, [])])


class Struck(Calm):
    """An apply that was killed, whose successor's plan has an action for every artifact."""

    action = "rerun"

    def __init__(self, world):
        super().__init__(world)
        self.world, self.store, self.patience = world, Store(world.folder / "store"), 0.0
        self.kill_all = lambda: None

    def place(self):
        """Anywhere."""
        return "here"

    def folder(self):
        """No stage is at work."""

    def wait(self):
        """Return the exit code of one that was killed."""
        return -9

    def gone(self):
        """At once."""
        return 0.0

    def planned(self, name):
        """The same for all."""
        return self.action if name else None


@pytest.mark.parametrize("action", ["rerun", "reuse", None])
@pytest.mark.parametrize("manifest", [False, True])
def test_what_is_not_whole_must_be_made_again(tmp_path, monkeypatch, manifest, action):
    """A cut artifact and a struck manifest are wrong where the next plan reuses them, or makes no plan."""
    monkeypatch.setattr(_damage, "Apply", Struck)
    monkeypatch.setattr(Struck, "action", action)
    _, folder = store_with(tmp_path / "store", "one")
    world = World(tmp_path)
    world.needs = {"later": [folder.name]}
    path = folder / ("manifest.json" if manifest else "rows.txt")
    before = path.read_bytes()
    hit = _damage.harm_whole(_damage.cut, manifest=manifest)(Struck(world), Random(0))  # noqa: S311
    assert len(path.read_bytes()) < len(before)
    assert (hit.exit, isinstance(hit.after, Struck)) == (-9, True)
    assert bool(hit.wrong) == (action != "rerun")


@pytest.mark.parametrize(("text", "same"), [("[1E-5]", True), ("[1e-5] ", True), ("[1e-4]", False), ("[1e-5", False)])
def test_a_document_that_still_says_the_same(tmp_path, text, same):
    """A bit or a byte less can leave a JSON document as it was: then nothing was harmed."""
    path = tmp_path / "a.json"
    path.write_text(text)
    assert _damage.same_document(path, b"[1e-5]") == same
    assert not _damage.same_document(path.with_suffix(".txt"), b"[1e-5]")
