"""Scores do not depend on how the rows were batched, divided or interrupted."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import pyarrow.parquet as pq  # noqa: E402

from drdoctl.core.progress import Progress, StopRequested  # noqa: E402
from drdoctl.train import chunks, logps, rewards, scoring, sft  # noqa: E402
from drdoctl.train.forward import Outputs  # noqa: E402
from drdoctl.train.models import load_policy  # noqa: E402
from drdoctl.train.runtime import World  # noqa: E402


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=60), budget=st.integers(1, 64))
def test_batches_take_every_row_once_within_the_budget(lengths, budget):
    """Every row is in one batch, in length order; only a single row may exceed the budget."""
    found = list(scoring.budget_batches(np.array(lengths), budget))
    assert sorted(int(row) for batch in found for row in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or sum(lengths[row] for row in batch) <= budget
    ordered = [lengths[row] for batch in found for row in batch]
    assert ordered == sorted(ordered)


class Small(torch.nn.Module):
    """A model that runs out of memory on more than `most` responses, and notes how many it was given."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.seen = most, []
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, batch, *, logp):
        self.seen.append(len(batch.response_lengths))
        if self.seen[-1] > self.most:
            raise torch.OutOfMemoryError
        return Outputs(logp=None, tokens=batch.response_lengths, reward=batch.response_lengths.float())


TEN = [([1] * 3, ([2] * (1 + number), [2, 2])) for number in range(10)]
LENGTHS = [length for number in range(10) for length in (1 + number, 2)]


def test_what_runs_out_of_memory_is_halved():
    """Out of memory, a batch is halved until it fits, and the values keep their order; one item alone is an error."""
    model = Small(6)
    assert scoring.score_batch(model, TEN, "fp32", logp=False).tolist() == LENGTHS
    assert model.seen == [20, 10, 4, 6, 10, 4, 6]
    with pytest.raises(torch.OutOfMemoryError):
        scoring.score_batch(Small(1), TEN[:1], "fp32", logp=False)


def test_no_more_tokens_than_there_is_room_for(monkeypatch):
    """Where the device has room for so many tokens, a batch has no more, but for a single item."""
    model = Small(20)
    monkeypatch.setattr(scoring, "_room", lambda *_: 30)
    assert scoring.score_batch(model, TEN, "fp32", logp=False).tolist() == LENGTHS
    assert 20 not in model.seen
    assert sum(model.seen) == 20


def test_more_memory_takes_more_tokens():
    """The tokens that fit grow with free memory and shrink with width; a full device still takes one."""
    assert scoring.fitting_tokens(0, 2048, 8192) == 1
    some, more = scoring.fitting_tokens(8 << 30, 2048, 8192), scoring.fitting_tokens(16 << 30, 2048, 8192)
    assert 1 < some < more
    assert scoring.fitting_tokens(8 << 30, 4096, 16384) < some
    assert more * 4 * (16 * 2048 + 4 * 8192) < 8 << 30


def test_cuda_takes_a_piece_at_once(make_job, small_pieces):
    """On CUDA the pieces are those of a CPU, but each goes to the device whole."""
    lengths, job = np.full(9, 20), make_job("rewards")
    for device, calls in (("cpu", [2, 2, 2, 2, 1]), ("cuda", [4, 4, 1])):
        made, seen = chunks.Chunks(job, World(0, 1, torch.device(device)), device, lengths), []

        def compute(rows, seen=seen):
            seen.append(len(rows))
            return {"own": rows}

        assert made.run(compute, Progress(job))["own"].tolist() == list(range(9))
        assert seen == calls


@pytest.fixture
def small_pieces(monkeypatch):
    """Cut the work fine, so that a little table has several pieces."""
    monkeypatch.setattr(chunks, "BATCH_TOKENS", 40)
    monkeypatch.setattr(chunks, "BATCHES_A_CHUNK", 2)


@pytest.fixture
def oracles(make_job):
    """Two trained oracles that differ in the seed of the head."""
    from drdoctl.train import oracle

    made = {}
    for member in (0, 1):
        job = make_job("oracle", f"oracle-{member}", settings={"oracle.seed": member, "oracle.max_steps": 3})
        oracle.run(job)
        made[f"oracle-{member}"] = job.out
    return made


def tables(job):
    return {part: pq.read_table(Path(job.out) / f"{part}.parquet") for part in ("train", "eval")}


def test_rewards_have_a_column_pair_a_member(oracles, make_job, data, small_pieces):
    """K members give K column pairs in row order; members differ; the statistics are those of the columns."""
    job = make_job("rewards", inputs=oracles)
    rewards.run(job)
    train = tables(job)["train"]
    assert train.column_names == ["id", "chosen_0", "rejected_0", "chosen_1", "rejected_1"]
    assert train.column("id").to_pylist() == pq.read_table(data / "train.parquet").column("id").to_pylist()
    assert not np.allclose(train["chosen_0"].to_numpy(), train["chosen_1"].to_numpy())
    import json

    stats = json.loads((Path(job.out) / "stats.json").read_text())
    margin = train["chosen_1"].to_numpy() - train["rejected_1"].to_numpy()
    assert stats["train"][1]["margin_std"] == pytest.approx(margin.std(), rel=1e-5)
    assert stats["train"][1]["accuracy"] == pytest.approx((margin > 0).mean())


def test_a_large_table_has_no_more_pieces(make_job, monkeypatch):
    """Beyond `PIECES` files a table's pieces grow; every row is still in one of them, and found again in row order."""
    monkeypatch.setattr(chunks, "BATCH_TOKENS", 4)
    monkeypatch.setattr(chunks, "PIECES", 5)
    lengths = np.random.default_rng(0).integers(1, 9, 300)
    job = make_job("rewards")
    made = chunks.Chunks(job, World(0, 1, torch.device("cpu")), "train", lengths)
    assert len(made.pieces) == 5
    found = made.run(lambda rows: {"own": rows.astype(np.float32)}, Progress(job))
    assert found["own"].tolist() == list(range(300))
    assert len(list(made.kept.folder.iterdir())) == 5


def test_interrupted_scoring_goes_on_and_ends_in_the_same_bytes(oracles, make_job, small_pieces, monkeypatch):
    """Stopped after each piece and resumed: the same Parquet bytes, and no piece computed twice."""
    whole = make_job("rewards", "whole", inputs=oracles)
    rewards.run(whole)
    done = []
    plain = chunks.Chunks._one

    def one(self, piece, compute):
        done.append((self.kept.name, piece))
        plain(self, piece, compute)
        Path(self.job.out, "stop").touch()

    monkeypatch.setattr(chunks.Chunks, "_one", one)
    job = make_job("rewards", "stopped", inputs=oracles)
    stops = 0
    while True:
        Path(job.out, "stop").unlink(missing_ok=True)
        try:
            rewards.run(job)
            break
        except StopRequested:
            stops += 1
    assert stops >= 3
    assert len(done) == len(set(done))
    for name in ("train.parquet", "eval.parquet", "stats.json"):
        assert (Path(job.out) / name).read_bytes() == (Path(whole.out) / name).read_bytes()


def test_cached_reference_is_what_the_policy_says_itself(make_job, data):
    """logps of a start model equal its own log-probabilities of the same rows; counts include the end token."""
    base = make_job("sft", "base", settings={"student.sft.max_steps": 1})
    sft.run(base)
    job = make_job("logps", inputs={"policy": base.out})
    logps.run(job)
    table = tables(job)["eval"]
    source = pq.read_table(data / "eval.parquet")
    prompts, chosen = source["student_prompt"].to_pylist(), source["student_chosen"].to_pylist()
    items = [(prompt, (response,)) for prompt, response in zip(prompts, chosen, strict=True)]
    own = scoring.score_batch(load_policy(base.out).eval(), items, "fp32", logp=True)
    assert table["chosen_logp"].to_numpy() == pytest.approx(own, rel=1e-6)
    assert table["chosen_tokens"].to_pylist() == [len(response) for response in chosen]


@pytest.mark.slow
def test_two_processes_give_the_same_bytes(oracles, make_job, run_job):
    """The pieces are the same however many processes take them."""
    one, two = (
        make_job("rewards", "one", inputs=oracles),
        make_job("rewards", "two", inputs=oracles, resources={"processes": 2}),
    )
    assert run_job(one) == [0]
    assert run_job(two) == [0, 0]
    assert (Path(one.out) / "train.parquet").read_bytes() == (Path(two.out) / "train.parquet").read_bytes()
