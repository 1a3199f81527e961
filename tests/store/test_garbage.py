"""What may go: nothing that a plan or a run needs, nothing young, nothing at work."""

import json
import os
import runpy
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drdoctl.stages import Want
from drdoctl.store.artifact import Store
from drdoctl.store.garbage import DAY, discard, garbage, needed_by_runs
from drdoctl.store.lock import mark_busy
from drdoctl.store.run import Run
from drdoctl.zoo.staging import alone

fill = runpy.run_path(str(Path(__file__).parent / "commit_once.py"))["fill"]
NOW = time.time()


def want(number):
    """Return one of many artifacts."""
    return Want("sft", 1, {"seed": number}, {}, {})


def commit(store, number):
    """Make an artifact and return its name."""
    fill(store, want(number))
    store.commit(want(number), "toy", {}, 1)
    return want(number).artifact


def journal(store, numbers, days):
    """Leave the journal of a run, so many days ago, whose plan has these stages."""
    run = Run.start(store, "toy")
    stages = [{"id": "sft", "kind": "sft", "artifact": want(n).artifact, "action": "create"} for n in numbers]
    run.emit("plan", stages=stages, summary={"create": len(stages)})
    run.finish(0)
    file = run.folder / "events.jsonl"
    events = [json.loads(line) for line in file.read_text().splitlines()]
    then = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(NOW - days * DAY))
    file.write_text("".join(json.dumps({**event, "time": then}) + "\n" for event in events))
    run.folder.rename(store.runs / f"{10_000 - days:07.1f}-{run.id}")


def age(store, days):
    """Make all that lies in the store so many days old."""
    for path in [store.root, *store.root.rglob("*")]:
        os.utime(path, (NOW - days * DAY,) * 2, follow_symlinks=False)


def names(found):
    """Return the names of what can go."""
    return [waste.path.name for waste in found]


@pytest.fixture
def store(tmp_path):
    """Return a prepared store."""
    made = Store(tmp_path / "store")
    made.prepare()
    return made


def test_what_a_plan_or_a_run_needs_stays(store):
    """Of four old artifacts, those of a recent run and of a plan stay, and that of an old run and of none can go."""
    made = [commit(store, number) for number in range(4)]
    journal(store, [0], days=400)
    journal(store, [1], days=5)
    age(store, 400)
    needed = needed_by_runs(store, 30, NOW) | {made[2]}
    found = garbage(store, needed, 30, NOW)
    assert names(found) == sorted([made[0], made[3]])
    assert all(waste.size > 16_384 and "30 days" in waste.why for waste in found)


def test_the_last_run_needs_its_artifacts_for_ever(store):
    """However old it is, what the newest run made, or was about to make, stays."""
    made = commit(store, 0)
    fill(store, want(1))
    journal(store, [0, 1], days=900)
    age(store, 900)
    assert needed_by_runs(store, 0, NOW) == {made, want(1).artifact}
    assert garbage(store, needed_by_runs(store, 0, NOW), 0, NOW) == []


def test_a_run_without_a_plan_is_not_the_last(store):
    """What a full disk stopped before its plan takes nothing from the interrupted run before it."""
    folder = fill(store, want(0))
    journal(store, [0], days=900)
    stopped = Run.start(store, "toy")
    stopped.finish(1)
    stopped.folder.rename(store.runs / f"99999-{stopped.id}")
    (store.runs / "99999-no-journal").mkdir()
    age(store, 900)
    assert needed_by_runs(store, 0, NOW) == {want(0).artifact}
    assert garbage(store, needed_by_runs(store, 0, NOW), 0, NOW) == []
    assert folder.is_dir()


def everything(folder):
    """Return all that lies in a folder, with what the files hold."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_of_a_link_only_the_link_goes(store, tmp_path):
    """An artifact, work in progress, a pull and a half write that are links to another store leave it as it was."""
    other = Store(tmp_path / "other")
    other.prepare()
    made, half = commit(other, 0), fill(other, want(1))
    pulled = other.pulls / "oracle-abc"
    pulled.mkdir(parents=True)
    (pulled / "manifest.json").write_text("{}")
    age(other, 400)
    store.pulls.mkdir(parents=True)
    links = [store.path(made), store.artifacts / half.name, store.pulls / "oracle-abc", store.runs / ".tmpabcdef"]
    for link, behind in zip(links, [other.path(made), half, pulled, pulled], strict=True):
        link.symlink_to(behind)
    before = everything(other.root)
    assert garbage(store, (), 30, NOW + 1) == []  # linked a moment ago
    age(store, 400)
    found = garbage(store, (), 30, NOW)
    assert sorted(waste.path for waste in found) == sorted(links)
    assert all(waste.size < 1000 for waste in found)
    for waste in found:
        discard(waste)
    assert everything(other.root) == before
    assert not any(link.is_symlink() for link in links)


def test_artifacts_that_lie_on_another_disk_go_as_ever(store, tmp_path):
    """Where the whole folder of artifacts is a link, it is this store's own."""
    elsewhere = tmp_path / "elsewhere"
    store.artifacts.rename(elsewhere)
    store.artifacts.symlink_to(elsewhere)
    made, kept = commit(store, 0), commit(store, 1)
    (waste,) = garbage(store, {kept}, 0, NOW + DAY)
    assert waste.size > 16_384
    discard(waste)
    assert [path.name for path in elsewhere.iterdir()] == [kept]
    assert made != kept


def test_a_clock_that_was_set_back_makes_nothing_old(store):
    """A run that began in 1970 by its clock, after one of five days ago, needs its artifacts as that one does."""
    made = [commit(store, number) for number in range(4)]
    for place, (number, days) in enumerate([(0, 400), (1, 5), (2, 20_000), (3, 20_000)]):
        journal(store, [number], days)
        written = max(store.runs.iterdir(), key=lambda folder: folder.stat().st_ctime_ns)
        written.rename(store.runs / f"{place}-{written.name}")
    age(store, 20_000)
    needed = needed_by_runs(store, 30, NOW)
    assert needed == set(made[1:])
    assert names(garbage(store, needed, 30, NOW)) == [made[0]]


def test_what_is_dated_in_the_future_is_young(store):
    """Artifacts and half writes made while the clock was ahead stay: age is never guessed."""
    made = [commit(store, number) for number in range(2)]
    (store.root / ".x.1.tmp").write_text("half")
    journal(store, [0], days=1)
    age(store, -300)
    assert garbage(store, {made[0]}, 0, NOW) == []
    assert needed_by_runs(store, 30, NOW - 9 * DAY) == {made[0]}


def test_what_is_young_stays(store):
    """An artifact that no run knows, such as one just pulled, is kept for as many days."""
    made = commit(store, 0)
    assert garbage(store, (), 30, NOW) == []
    assert names(garbage(store, (), 0, NOW + DAY)) == [made]


def test_unfinished_work_of_no_run_can_go_unless_a_child_is_at_it(store):
    """A folder in progress can go when it is old, but not while a process works in it."""
    folder = fill(store, want(0))
    age(store, 400)
    busy = mark_busy(folder / "job.json")
    assert garbage(store, (), 30, NOW) == []
    busy.close()
    assert names(garbage(store, (), 30, NOW)) == [folder.name]


def test_leftovers_go_at_once(store):
    """No days are waited for: what a killed removal left, work on what is there whole, and writes cut off."""
    made, half = commit(store, 0), commit(store, 1)
    (store.path(half) / "manifest.json").unlink()
    shutil.copytree(store.path(made), store.partial_path(made))
    for folder in (store.path(made), store.partial_path(made)):
        (folder / ".123.tokenizer.json").write_text("half")
    assert names(garbage(store, {made, half}, 30)) == [store.partial_path(made).name, half]
    found = garbage(store, {made, half}, 30, time.time() + 3700)
    assert [waste.path for waste in found] == [
        store.path(made) / ".123.tokenizer.json", store.partial_path(made), store.path(half),
    ]  # fmt: skip
    for waste in found:
        discard(waste)
    store.verify(made)
    assert garbage(store, {made}, 30, time.time() + 3700) == []


@pytest.mark.parametrize("text", ["{", '{"format": 99}'])
def test_what_cannot_be_read_is_kept_like_any_other(store, text):
    """A manifest that is damaged, or of a newer version, makes no artifact go that is needed or young."""
    made = commit(store, 0)
    (store.path(made) / "manifest.json").write_text(text)
    assert garbage(store, (), 30) == []
    age(store, 400)
    assert garbage(store, {made}, 30, NOW) == []
    assert names(garbage(store, (), 30, NOW)) == [made]


def test_a_pull_that_was_not_finished_is_litter_when_it_is_old(store):
    """What an interrupted pull gathered helps the next one for a while."""
    staging = store.root / "cache" / "pulls" / "oracle-abc"
    staging.mkdir(parents=True)
    (staging / "model.safetensors.incomplete").write_bytes(b"x" * 10)
    assert garbage(store, (), 30, time.time()) == []
    assert names(garbage(store, (), 30, time.time() + 31 * DAY)) == ["oracle-abc"]
    with alone(staging):
        assert garbage(store, (), 30, time.time() + 31 * DAY) == []


def test_a_killed_pull_leaves_a_lock_that_goes(store):
    """The lock's file of a pull that was killed goes with what it gathered."""
    staging = store.root / "cache" / "pulls" / "oracle-abc"
    staging.mkdir(parents=True)
    staging.with_name("oracle-abc.lock").touch()
    assert garbage(store, (), 30, time.time()) == []
    found = garbage(store, (), 30, time.time() + 31 * DAY)
    assert names(found) == ["oracle-abc", "oracle-abc.lock"]
    for waste in found:
        discard(waste)
    assert list(staging.parent.iterdir()) == []


def test_an_artifact_is_never_there_in_part(store, monkeypatch):
    """Killed while it removes, it leaves no artifact that looks whole."""
    made = commit(store, 0)
    (waste,) = garbage(store, (), 0, NOW + DAY)

    def die(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("drdoctl.store.garbage.remove", die)
    with pytest.raises(KeyboardInterrupt):
        discard(waste)
    assert store.manifest(made) is None


RUNS = st.lists(st.tuples(st.sets(st.integers(0, 5)), st.integers(0, 60)), max_size=4)


@example(runs=[(set(), 0), ({0}, 1)], planned=set(), days=0, age_days=0)
@settings(deadline=None, max_examples=40)
@given(runs=RUNS, planned=st.sets(st.integers(0, 5)), days=st.integers(0, 60), age_days=st.integers(0, 90))
def test_only_what_nobody_needs_ever_goes(tmp_path_factory, runs, planned, days, age_days):
    """Whatever ran when: what is listed is needed by no plan, no recent run, and is old; all such is listed."""
    store = Store(tmp_path_factory.mktemp("gc") / "store")
    store.prepare()
    made = [commit(store, number) for number in range(6)]
    for numbers, ago in runs:
        journal(store, numbers, ago + 0.5)
    age(store, age_days + 0.5)
    newest = min((ago for _, ago in runs), default=None)
    counted = [numbers for numbers, ago in runs if ago < days]
    last = [numbers for numbers, ago in runs if ago == newest]
    found = set(names(garbage(store, needed_by_runs(store, days, NOW) | {made[n] for n in planned}, days, NOW)))
    sure = {made[n] for numbers in counted for n in numbers} | {made[n] for n in planned}
    assert not found & sure
    if len(last) == 1:
        needed = sure | {made[n] for n in last[0]}
        assert found == (set(made) - needed if age_days >= days else set())
