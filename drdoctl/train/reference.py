"""Responses of the start model to the training prompts, and their log-probabilities: cached samples of the reference.

They are drawn from the model as it is, at temperature 1 and from the whole vocabulary, so that a mean over them is an
estimate of an expectation under the reference without bias.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from drdoctl.core.fingerprint import file_sha256
from drdoctl.core.progress import Progress
from drdoctl.train.chunks import Chunks
from drdoctl.train.columns import read
from drdoctl.train.pieces import Pieces, wait_until
from drdoctl.train.rendering import renderer
from drdoctl.train.respond import ends
from drdoctl.train.responses import Sampler, Way
from drdoctl.train.rewards import write_table
from drdoctl.train.rows import SampledRows, TokenRows
from drdoctl.train.scoring import score_batch

if TYPE_CHECKING:
    from drdoctl.stages import Job
    from drdoctl.train.models import Policy
    from drdoctl.train.runtime import World


def run(job: Job, world: World, policy: Policy) -> None:
    """Sample `samples.responses` responses to every training prompt, score them, and write `train.parquet`.

    Its columns: `id`, `response_0` … (token ids, with the end token where it came), `logp_0` … (float64 sums).
    """
    rows, count = TokenRows(job.input("data"), "train", "student", ()), job.settings["samples.responses"]
    file = _sampled(job, world, policy, rows, count)
    asked, dtype = SampledRows(rows, file, count), job.settings["student.dtype"]

    def compute(batch: np.ndarray) -> dict[str, np.ndarray]:
        sums = score_batch(policy, asked.items(batch), dtype, logp=True).reshape(-1, count)
        return {f"logp_{place}": sums[:, place] for place in range(count)}

    columns = Chunks(job, world, "train", asked.lengths).run(compute, Progress(job))
    if columns is None:
        return
    said = read(file)
    responses = {name: said.column(name) for name in said.column_names}
    write_table(
        job.path("train.parquet"),
        {"id": rows.ids, **responses, **{name: pa.array(values) for name, values in columns.items()}},
    )


def _sampled(job: Job, world: World, policy: Policy, rows: TokenRows, count: int) -> Path:
    """Return the file of the responses, `response_0` … in the order of the rows, that the first process writes."""
    file, render = job.path("work", "sampled.parquet"), renderer(job, "student")
    # 4 bytes a token, where a list of ints takes tens
    prompts = [array("i", rows.item(row)[0]) for row in range(len(rows))]
    names = rows.ids.to_pylist()
    sampler = Sampler(
        job,
        world,
        [prompt for prompt in prompts for _ in range(count)],
        [f"{name}#{place}" for name in names for place in range(count)],
    )
    way = Way(
        temperature=1.0, top_p=1.0, max_new_tokens=job.settings["samples.max_new_tokens"], prompts=len(names) * count
    )
    sampler.fill(policy.lm, [way], ends(render), job.settings["student.dtype"])
    made = Pieces(job, "sampled")
    if world.first:  # always anew, for it takes moments: what lies there from before may be damaged
        drawn = pa.concat_tables(sampler.tables(policy.lm.config, way)).sort_by("row").column("ids")
        columns = {f"response_{place}": drawn.take(pa.array(range(place, len(drawn), count))) for place in range(count)}
        write_table(file, columns)
        made.put("sha256", file_sha256(file).encode())
    wait_until(lambda: file.exists() and made.get("sha256") == file_sha256(file).encode(), job)
    return file
