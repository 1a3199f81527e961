"""Pieces of work: damage of any kind is found, exactly the damaged are computed again, and the result is the same."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from drdoctl.core.errors import IntegrityError, StageFailed  # noqa: E402
from drdoctl.core.progress import Progress, StopRequested  # noqa: E402
from drdoctl.train import chunks, oracle, rewards  # noqa: E402
from drdoctl.train.pieces import Pieces, content_of, sealed  # noqa: E402
from drdoctl.train.runtime import World  # noqa: E402

ROWS = 40
LENGTHS = np.random.default_rng(5).integers(5, 20, ROWS)
ALONE = World(0, 1, torch.device("cpu"))
DAMAGES = ("flip", "cut", "grow", "empty", "junk", "swap", "foreign", "delete")


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(chunks, "BATCH_TOKENS", 40)
    monkeypatch.setattr(chunks, "BATCHES_A_CHUNK", 2)


@given(st.binary(max_size=40), st.data())
def test_no_bit_can_flip_unseen(content, data):
    """The content comes back; with any bit flipped, any byte cut off, or another owner, there is none."""
    piece = sealed(content, "a/1")
    assert content_of(piece, "a/1") == content
    assert content_of(piece, "a/2") is None
    assert content_of(piece[: data.draw(st.integers(0, len(piece) - 1))], "a/1") is None
    bit = data.draw(st.integers(0, 8 * len(piece) - 1))
    assert content_of(flipped(piece, bit), "a/1") is None


def flipped(piece: bytes, bit: int) -> bytes:
    """Return the bytes with one bit turned round."""
    out = bytearray(piece)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def harm(kind: str, files: list[Path], draw: np.random.Generator, foreign: list[Path] | None = None) -> set[Path]:
    """Damage one or two of the files, and return which. `foreign`: the same pieces of another stage."""
    one, other = (int(place) for place in draw.permutation(len(files))[:2])
    path, content = files[one], files[one].read_bytes()
    if kind == "swap":
        path.write_bytes(files[other].read_bytes())
        files[other].write_bytes(content)
        return {path, files[other]}
    if kind == "delete":
        path.unlink()
    elif kind == "foreign":
        path.write_bytes(foreign[one].read_bytes())
    else:
        made = {
            "flip": flipped(content, int(draw.integers(8 * len(content)))),
            "cut": content[: int(draw.integers(1, len(content)))],
            "grow": content + b"\0",
            "empty": b"",
            "junk": draw.bytes(len(content)),
        }
        path.write_bytes(made[kind])
    return {path}


class Table:
    """A table of made-up numbers in a job's folder, and which pieces of it were computed."""

    def __init__(self, job, world=ALONE, name="train"):
        self.job, self.made, self.rows = job, chunks.Chunks(job, world, name, LENGTHS), []

    def run(self):
        """Return the columns."""

        def compute(rows):
            self.rows += rows.tolist()
            return {"own": np.sin(rows * 1.7).astype(np.float32), "count": rows % 7}

        return self.made.run(compute, Progress(self.job))

    @property
    def files(self):
        """Return where the pieces lie."""
        return [self.made.kept.path(name) for name in self.made.names]

    def rows_of(self, files):
        """Return the rows in some files, sorted."""
        numbers = [self.files.index(file) for file in files]
        return sorted(int(row) for number in numbers for batch in self.made.pieces[number] for row in batch)


def notes(job):
    """Return what a job's progress notes."""
    return json.loads(job.path("progress.json").read_text())["notes"]


@pytest.fixture
def foreign(make_job):
    """Return the pieces of the same table of another stage."""
    table = Table(replace(make_job("rewards", "other"), fingerprint="other"))
    table.run()
    return table.files


@pytest.mark.parametrize("kind", DAMAGES)
def test_exactly_what_was_damaged_is_computed_again(make_job, foreign, kind):
    """Whatever harm a piece took, its rows alone are computed again; the columns are the same, and the user hears."""
    for seed in range(4):
        whole = Table(make_job("rewards", f"{kind}-{seed}"))
        before = whole.run()
        assert len(whole.files) >= 5
        harmed = harm(kind, whole.files, np.random.default_rng(seed), foreign)
        again = Table(whole.job)
        after = again.run()
        assert sorted(again.rows) == again.rows_of(harmed)
        assert all(before[name].tobytes() == after[name].tobytes() for name in ("own", "count"))
        said = f"{len(harmed)} of {len(whole.files)} pieces of `train` were damaged on the disk"
        assert [text.startswith(said) for text in notes(whole.job)] == [True] * (kind != "delete")


def test_fifty_flipped_bits_are_found(make_job):
    """Of 50 single bits flipped in work pieces, 50 are found, each by its piece, and mended."""
    whole = Table(make_job("rewards"))
    before, found = whole.run(), 0
    for seed in range(50):
        (harmed,) = harm("flip", whole.files, np.random.default_rng(seed))
        again = Table(whole.job)
        assert again.run()["own"].tobytes() == before["own"].tobytes()
        found += sorted(again.rows) == again.rows_of([harmed])
    assert found == 50


def test_many_at_once(make_job):
    """All pieces damaged: all are computed again, and one note names the first few."""
    whole = Table(make_job("rewards"))
    before = whole.run()
    for file in whole.files:
        file.write_bytes(b"")
    again = Table(whole.job)
    assert again.run()["own"].tobytes() == before["own"].tobytes()
    assert sorted(again.rows) == list(range(ROWS))
    (note,) = notes(whole.job)
    assert note.endswith("computed again: 1, 2, 3, 4, 5 …")


def test_a_stop_while_mending_loses_nothing(make_job):
    """A stop is heard between two damaged pieces too, and the next run goes on."""
    whole = Table(make_job("rewards"))
    before = whole.run()
    for file in whole.files[:3]:
        file.write_bytes(b"")
    whole.job.path("stop").touch()
    with pytest.raises(StopRequested):
        Table(whole.job).run()
    whole.job.path("stop").unlink()
    assert Table(whole.job).run()["own"].tobytes() == before["own"].tobytes()


def test_the_first_process_mends_the_pieces_of_all(make_job):
    """A damaged piece of the second process is computed again by the first, which alone gathers them."""
    job, found = make_job("rewards"), []
    for round_ in range(2):
        tables = [Table(job, World(rank, 2, torch.device("cpu"))) for rank in (0, 1)]
        threads = [threading.Thread(target=lambda table=table: found.append(table.run())) for table in tables]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        if round_ == 0:
            tables[1].files[1].write_bytes(b"?")
    first, second = (one for one in found if one is not None)
    assert first["own"].tobytes() == second["own"].tobytes()
    assert sorted(tables[0].rows) == tables[0].rows_of([tables[0].files[1]])
    assert tables[1].rows == []


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_costs_one_piece_at_most(make_job, seed):
    """Killed outright at any batch and gone on with: fewer rows than one piece are computed twice, and all is equal."""
    whole = Table(make_job("rewards", "whole"))
    expected = whole.run()
    job = make_job("rewards", "killed")
    at = int(np.random.default_rng(seed).integers(1, sum(len(piece) for piece in whole.made.pieces)))
    child = os.fork()
    if child == 0:
        seen = []

        def compute(rows):
            job.path("rows").open("a").write("".join(f"{row}\n" for row in rows.tolist()))
            seen.append(rows)
            if len(seen) == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return {"own": np.sin(rows * 1.7).astype(np.float32), "count": rows % 7}

        chunks.Chunks(job, ALONE, "train", LENGTHS).run(compute, Progress(job))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    before = [int(line) for line in job.path("rows").read_text().split()]
    again = Table(job)
    found = again.run()
    assert all(expected[name].tobytes() == found[name].tobytes() for name in ("own", "count"))
    twice = sorted(set(before) & set(again.rows))
    assert set(before) | set(again.rows) == set(range(ROWS))
    assert any(set(twice) <= set(again.rows_of([file])) for file in again.files)
    assert not notes(job)


def test_damage_after_the_look_is_an_error_that_a_retry_mends(make_job):
    """A piece that goes bad after it was found whole ends the stage with its name; the next run makes it anew."""
    table = Table(make_job("rewards"))
    before = table.run()
    pieces = Pieces(table.job, "train")
    table.files[2].write_bytes(b"gone")
    with pytest.raises(IntegrityError, match=table.files[2].name) as caught:
        pieces.whole(table.made.names[2], mended=True)
    assert "run the same command again" in caught.value.faults[0].hint
    assert Table(table.job).run()["own"].tobytes() == before["own"].tobytes()


def test_other_processes_wait_until_a_piece_is_whole(make_job):
    """Who only reads goes on with no damaged piece: it waits for the one who mends."""
    table, found = Table(make_job("rewards")), []
    table.run()
    name, good = table.made.names[0], table.files[0].read_bytes()
    table.files[0].write_bytes(good[:-1])
    reader = threading.Thread(target=lambda: found.append(table.made.kept.whole(name, mended=False)))
    reader.start()
    reader.join(0.5)
    assert found == []
    table.files[0].write_bytes(good)
    reader.join(30)
    assert found == [good[65:]]


@pytest.fixture
def trained(make_job):
    """Return the inputs of a rewards stage: one oracle."""
    job = make_job("oracle", "oracle-0", settings={"oracle.max_steps": 2})
    oracle.run(job)
    return {"oracle-0": job.out}


def test_damaged_rewards_in_progress_end_in_the_same_bytes(trained, make_job, monkeypatch):
    """The rewards stage, stopped before it gathers, its pieces damaged: the bytes are those of a straight run."""
    whole, job = (make_job("rewards", name, inputs=trained) for name in ("whole", "harmed"))
    rewards.run(whole)

    def stop(*_):
        raise StopRequested

    with monkeypatch.context() as patch:
        patch.setattr(chunks.Chunks, "_gather", stop)
        with pytest.raises(StopRequested):
            rewards.run(job)
    files = sorted(job.path("work").rglob("*.piece"))
    draw = np.random.default_rng(3)
    harmed = set().union(*(harm(kind, files, draw) for kind in ("flip", "cut")))
    calls, plain = [], chunks.Chunks._one
    monkeypatch.setattr(chunks.Chunks, "_one", lambda self, piece, compute: calls.append(self.kept.path(
        self.names[piece])) or plain(self, piece, compute))  # fmt: skip
    rewards.run(job)
    assert {path for path in calls if path in files} == harmed
    assert len(calls) == len(set(calls))
    for name in ("train.parquet", "eval.parquet", "stats.json"):
        assert job.path(name).read_bytes() == whole.path(name).read_bytes()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_rewards_that_are_no_numbers_are_refused(trained, make_job, monkeypatch, wrong):
    """One reward that is not finite: no table is written, and the fault says in which one and what to do."""
    job = make_job("rewards", inputs=trained)

    def broken(*args, **more):
        values = plain(*args, **more)
        values[1] = wrong
        return values

    plain = rewards.score_batch
    monkeypatch.setattr(rewards, "score_batch", broken)
    with pytest.raises(StageFailed, match="not finite in `train`: rejected_0") as caught:
        rewards.run(job)
    assert caught.value.faults[0].hint
    assert not list(Path(job.out).glob("*.parquet"))


def test_columns_have_one_order(make_job):
    """Columns come wide types first and then by name, every time: the artifact's bytes follow from that."""
    names = ["logp_10", "margin", "logp_2", "row", "a"]
    types = [np.float64, np.float32, np.float64, np.int64, np.float32]
    for attempt in range(8):
        made = chunks.Chunks(make_job("rewards", f"{attempt}"), ALONE, "train", LENGTHS)
        columns = dict(zip(names, types, strict=True))
        found = made.run(lambda rows, columns=columns: {key: rows.astype(kind) for key, kind in columns.items()},
                         Progress(made.job))  # fmt: skip
        assert list(found) == ["row", "logp_10", "logp_2", "a", "margin"]
