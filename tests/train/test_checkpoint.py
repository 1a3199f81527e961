"""A checkpoint counts only when every byte of it is there."""

import json
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from drdoctl.core.errors import StageFailed  # noqa: E402
from drdoctl.train import checkpoint  # noqa: E402
from drdoctl.train.runtime import World  # noqa: E402

WORLD = World(0, 1, torch.device("cpu"))


class FakeEngine:
    """Writes what DeepSpeed would: shards, in place, without checksums."""

    def zero_optimization_stage(self):
        return 0

    def save_checkpoint(self, root, tag, **_):
        (Path(root) / tag / "weights.pt").write_bytes(tag.encode() * 50)
        (Path(root) / tag / "optim.pt").write_bytes(b"o" * 100)


def save(root, step, engine=None, stats=None):
    """Write a checkpoint and wait until it counts."""
    saver = checkpoint.Saver(root, WORLD, 2, lambda step: None)
    saver.save(engine or FakeEngine(), step, {"stats": stats or {}})
    saver.wait()


def newest(root, notes=None):
    """Return the newest checkpoint that holds; `notes` gets what is said."""
    return checkpoint.newest(root, ([] if notes is None else notes).append)


@pytest.fixture
def root(tmp_path):
    """Three checkpoints were written; the two newest are kept."""
    for step in (2, 9, 10):
        save(tmp_path, step, stats={"a": 1.5})
    return tmp_path


def test_newest_by_number_and_two_kept(root):
    """Step 10 is newer than step 9, whatever the clock says; older ones are gone."""
    assert sorted(path.name for path in root.iterdir()) == ["step-10", "step-9"]
    point = newest(root)
    assert (point.step, point.state) == (10, {"stats": {"a": 1.5}})


@pytest.mark.parametrize("keep", [1, 3])
def test_as_many_are_kept_as_asked_for(tmp_path, keep):
    """`resources.keep` says how many; with one, the newest is whole before the one before goes."""
    saver = checkpoint.Saver(tmp_path, WORLD, keep, lambda step: None)
    for step in range(1, 6):
        saver.save(FakeEngine(), step, {"stats": {}})
        saver.wait()
        assert newest(tmp_path).step == step
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"step-{step}" for step in range(6 - keep, 6)]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 349), bit=st.integers(0, 7))
def test_every_flipped_bit_is_found(root, place, bit):
    """One flipped bit anywhere in the newest checkpoint makes the one before count."""
    path = root / "step-10" / "weights.pt"
    raw = path.read_bytes()
    broken = bytearray(raw)
    broken[place] ^= 1 << bit
    path.write_bytes(bytes(broken))
    assert newest(root).step == 9
    path.write_bytes(raw)


def test_every_flipped_bit_of_a_manifest_is_found(root):
    """A flipped bit in what says which step it is makes the one before count, or changes no word of it."""
    path = root / "step-10" / "manifest.json"
    raw = path.read_bytes()
    for place in range(len(raw)):
        broken = bytearray(raw)
        broken[place] ^= 1 << place % 8
        path.write_bytes(bytes(broken))
        point = newest(root)
        assert point.step == 9 or (point.step, point.state) == (10, {"stats": {"a": 1.5}})
    path.write_bytes(raw)
    assert newest(root).step == 10


def test_a_manifest_of_an_earlier_version_counts(root):
    """One without a hash of its own is taken as it is."""
    path = root / "step-10" / "manifest.json"
    told = json.loads(path.read_text())
    del told["sha256"]
    path.write_text(json.dumps(told))
    assert newest(root).step == 10


@pytest.mark.parametrize("harm", ["truncate", "missing", "extra", "no-manifest", "junk-manifest"])
def test_other_harm_is_found(root, harm):
    """A truncated, missing or foreign shard, or a manifest that is not there or not JSON: passed over."""
    folder = root / "step-10"
    shard = folder / "weights.pt"
    if harm == "truncate":
        shard.write_bytes(shard.read_bytes()[:-100])
    elif harm == "missing":
        shard.unlink()
    elif harm == "extra":
        (folder / "other.pt").write_bytes(b"x")
    elif harm == "no-manifest":
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_text("{")
    notes = []
    assert newest(root, notes=notes).step == 9
    assert notes == ["the checkpoint at step 10 is damaged or not whole: training goes on from step 9"]


def test_all_damaged_means_the_start_and_is_said(root):
    """Where none holds, training begins anew, and a note says so."""
    for folder in root.iterdir():
        (folder / "manifest.json").unlink()
    notes = []
    assert newest(root, notes=notes) is None
    assert notes == ["the checkpoints at steps 10, 9 are damaged or not whole: training goes on from the start"]


def test_shards_of_another_step_are_found(root):
    """A shard copied from another step does not pass."""
    (root / "step-10" / "weights.pt").write_bytes((root / "step-9" / "weights.pt").read_bytes())
    assert newest(root).step == 9


def test_nothing_there_means_step_0(tmp_path):
    """Without any checkpoint there is none to resume from."""
    assert newest(tmp_path / "checkpoints") is None


def test_full_disk_is_an_error_that_names_the_path(tmp_path):
    """A disk that fills up while a checkpoint is written ends in a clear error, and the old checkpoint still holds."""
    save(tmp_path, 1)

    class Full(FakeEngine):
        def save_checkpoint(self, root, tag, **_):
            raise OSError(28, "No space left on device")

    with pytest.raises(StageFailed, match="No space left") as caught:
        save(tmp_path, 2, Full())
    assert "step-2" in caught.value.faults[0].message
    assert newest(tmp_path).step == 1


def test_manifest_is_written_last(tmp_path, monkeypatch):
    """At the moment the manifest is written, all shards it lists are there."""
    seen = []

    def write(path, value):
        seen.append(all((path.parent / name).exists() for name in value["files"]))
        path.write_text(json.dumps(value))

    monkeypatch.setattr(checkpoint, "write_json", write)
    save(tmp_path, 1)
    assert seen == [True]


def test_training_goes_on_while_a_checkpoint_is_sealed(tmp_path, monkeypatch):
    """`save` returns before hashes and manifest are there; until then the checkpoint before counts."""
    save(tmp_path, 1)
    may, told, seal = threading.Event(), [], checkpoint.seal

    def slow(folder, facts):
        assert may.wait(60)
        seal(folder, facts)

    monkeypatch.setattr(checkpoint, "seal", slow)
    saver = checkpoint.Saver(tmp_path, WORLD, 2, told.append)
    saver.save(FakeEngine(), 2, {"stats": {}})
    assert not (tmp_path / "step-2" / "manifest.json").exists()
    assert (told, newest(tmp_path).step) == ([], 1)
    may.set()
    saver.wait()
    assert (told, newest(tmp_path).step) == ([2], 2)


def test_one_checkpoint_is_sealed_at_a_time(tmp_path, monkeypatch):
    """The next `save` waits for the one before: their files never mix, and each is reported in its turn."""
    told, seal = [], checkpoint.seal

    def slow(folder, facts):
        time.sleep(0.05)
        seal(folder, facts)

    monkeypatch.setattr(checkpoint, "seal", slow)
    saver = checkpoint.Saver(tmp_path, WORLD, 2, told.append)
    for step in range(1, 5):
        saver.save(FakeEngine(), step, {"stats": {}})
        assert told == list(range(1, step))
    saver.wait()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-3", "step-4"]


def test_what_fails_while_sealing_is_raised_at_the_next_chance(tmp_path, monkeypatch):
    """A disk that is full only when the files reach it ends the run no later than the next checkpoint or the end."""
    save(tmp_path, 1)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "seal", full)
    saver = checkpoint.Saver(tmp_path, WORLD, 2, lambda step: None)
    saver.save(FakeEngine(), 2, {"stats": {}})
    with pytest.raises(StageFailed, match="No space left"):
        saver.save(FakeEngine(), 3, {"stats": {}})
    saver.wait()
    assert newest(tmp_path).step == 1


def test_a_failure_does_not_cut_off_what_is_being_sealed(tmp_path, monkeypatch):
    """A run that fails while its last checkpoint is sealed keeps it, and the failure is what is told."""
    seal = checkpoint.seal

    def slow(folder, facts):
        time.sleep(0.2)
        seal(folder, facts)

    monkeypatch.setattr(checkpoint, "seal", slow)
    saver = checkpoint.Saver(tmp_path, WORLD, 2, lambda step: None)

    def run():
        with saver:
            saver.save(FakeEngine(), 4, {"stats": {}})
            raise StageFailed("not finite", code="not-finite")

    with pytest.raises(StageFailed, match="not finite"):
        run()
    assert newest(tmp_path).step == saver.newest == 4


def test_a_failure_to_seal_the_last_checkpoint_is_told_at_the_end(tmp_path, monkeypatch):
    """Where nothing else failed, the end of the run raises what kept the last checkpoint from the disk."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "seal", full)
    saver = checkpoint.Saver(tmp_path, WORLD, 2, lambda step: None)
    with pytest.raises(StageFailed, match="No space left"), saver:
        saver.save(FakeEngine(), 1, {"stats": {}})


def test_metrics_are_durable_before_a_checkpoint_counts(tmp_path, monkeypatch):
    """Metrics are synced before the manifest is written: a power cut leaves no manifest without its metrics."""
    done = []
    monkeypatch.setattr(checkpoint.files, "sync", lambda path: done.append(path.name))
    monkeypatch.setattr(checkpoint, "seal", lambda folder, facts: done.append("sealed"))
    saver = checkpoint.Saver(tmp_path, WORLD, 2, lambda step: None, tmp_path / "metrics.jsonl")
    saver.save(FakeEngine(), 1, {"stats": {}})
    saver.wait()
    assert done == ["metrics.jsonl", "sealed"]


@pytest.mark.parametrize(
    ("lines", "step", "words"), [(10, 10, None), (9, 9, "at step 10 is"), (8, None, "at steps 10, 9 are")]
)
def test_a_checkpoint_ahead_of_its_metrics_is_passed_over(root, lines, step, words):
    """Where metrics end before a checkpoint, going on from it would leave a gap: an earlier one counts, said aloud."""
    notes = []
    point = checkpoint.newest(root, notes.append, lines)
    assert (point.step if point else None) == step
    to = "the start" if step is None else f"step {step}"
    what = f"ahead of `metrics.jsonl`, which ends at step {lines}: training goes on from {to}"
    assert notes == ([] if words is None else [f"the checkpoint{'s' * (' are' in words)} {words} {what}"])


def test_later_ones_that_did_not_hold_take_nobodys_place(root):
    """After a fall-back the next checkpoint is kept, and what lies ahead of it goes."""
    for name in ("step-9", "step-10"):
        (root / name / "weights.pt").write_bytes(b"spoilt")
    assert newest(root) is None
    save(root, 4)
    save(root, 5)
    assert sorted(path.name for path in root.iterdir()) == ["step-4", "step-5"]
    assert newest(root).step == 5
