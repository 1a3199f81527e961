"""Samples of the start model, cached for the divergence from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch")

from drdoctl.core.progress import StopRequested
from drdoctl.train import align, logps, sft
from drdoctl.train.models import load_policy
from drdoctl.train.rows import SampledRows, TokenRows
from drdoctl.train.scoring import score_batch

SETTINGS = {"logps.of": "samples", "samples.responses": 2, "samples.max_new_tokens": 5}


@pytest.fixture
def base(make_job):
    """A start model that has learnt to end its responses."""
    job = make_job("sft", "base", settings={"student.sft.max_steps": 12})
    sft.run(job)
    return job.out


@pytest.fixture
def sampled(make_job, base):
    """The job whose artifact holds its samples."""
    job = make_job("logps", "samples", inputs={"policy": base}, settings=SETTINGS)
    logps.run(job)
    return job


def test_every_prompt_has_its_own_responses_and_their_scores(sampled, base, data):
    """Two responses a prompt of 1 to 5 tokens, different draws, each scored as it stands; some end, none goes on."""
    table = pq.read_table(Path(sampled.out) / "train.parquet")
    rows = SampledRows(TokenRows(data, "train", "student", ()), Path(sampled.out) / "train.parquet", 2)
    assert table["id"].equals(pq.read_table(data / "train.parquet", columns=["id"])["id"])
    items = rows.items(np.arange(len(rows)))
    assert rows.lengths.tolist() == [len(prompt) + sum(map(len, said)) for prompt, said in items]
    said = [response for _, responses in items for response in responses]
    assert {len(response) for response in said} <= {1, 2, 3, 4, 5}
    assert any(response[-1] == 1 for response in said)
    assert all(1 not in response[:-1] for response in said)
    assert sum(first != second for _, (first, second) in items) > len(rows) / 2
    scores = score_batch(load_policy({"path": base}).eval(), items, "fp32", logp=True).reshape(-1, 2)
    assert np.stack([table["logp_0"], table["logp_1"]], axis=1) == pytest.approx(scores, abs=1e-5)


def test_stopped_and_gone_on_with_it_is_the_same(sampled, make_job, base):
    """A stop while sampling, or while scoring, changes no bit of the artifact."""
    again = make_job("logps", "again", inputs={"policy": base}, settings=SETTINGS)
    Path(again.out, "stop").touch()
    with pytest.raises(StopRequested):
        logps.run(again)
    assert not Path(again.out, "train.parquet").exists()
    Path(again.out, "stop").unlink()
    logps.run(again)
    one, other = (pq.read_table(Path(job.out) / "train.parquet") for job in (sampled, again))
    assert one.equals(other)


def test_what_lies_in_the_work_folder_is_not_believed(sampled, make_job, base):
    """Responses joined before a stop and damaged since are joined anew: the artifact is the same."""
    again = make_job("logps", "again", inputs={"policy": base}, settings=SETTINGS)
    Path(again.out, "work").mkdir()
    Path(sampled.out, "work", "sampled.parquet").rename(Path(again.out, "work", "sampled.parquet"))
    with Path(again.out, "work", "sampled.parquet").open("r+b") as file:
        file.seek(40)
        file.write(b"????")
    logps.run(again)
    assert Path(again.out, "train.parquet").read_bytes() == Path(sampled.out, "train.parquet").read_bytes()


def test_the_divergence_begins_at_nothing(sampled, make_job, base):
    """At the reference the divergence on its own samples is 0; a few steps later it is not."""
    reference = make_job("logps", "reference", inputs={"policy": base})
    logps.run(reference)
    method = {"name": "p-dpo", "gamma": 0.5, "gamma_start": None, "kl_samples": 2}
    job = make_job("align", method=method, inputs={"policy": base, "logps": reference.out, "samples": sampled.out})
    align.run(job)
    lines = [json.loads(line) for line in (Path(job.out) / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["forward_kl"] == pytest.approx(0, abs=1e-5)
    assert abs(lines[-1]["forward_kl"]) > 0.1
