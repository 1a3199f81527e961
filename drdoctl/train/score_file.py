"""Child of `drdoctl score`: the oracle's reward for each row of a file of pairs or responses.

    python -m drdoctl.train.score_file REQUEST.json

The request names the oracle's folder, the file and where the scored rows go; `result.json` beside it takes the
summary, or the faults. Rows are rendered and tokenised as the data stage does it, with the oracle's own tokenizer.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from drdoctl.core.architectures import limit_of
from drdoctl.core.errors import StageFailed
from drdoctl.core.files import write_via
from drdoctl.core.progress import Progress
from drdoctl.core.statistics import gaps, share_above
from drdoctl.data._render import Renderer
from drdoctl.data._tokenizers import load_tokenizer
from drdoctl.evals._quality import of_rows, quality
from drdoctl.train.answer import answer
from drdoctl.train.reward_model import load_reward_model
from drdoctl.train.runtime import start
from drdoctl.train.score_items import items_of
from drdoctl.train.score_rows import SINGLE, Row, read_rows
from drdoctl.train.scoring import BATCH_TOKENS, CUDA_BATCHES, budget_batches, score_batch

CHUNK = 1024
"""Rows held in memory at once."""


@dataclass(frozen=True)
class Request:
    """What `drdoctl score` asks for."""

    oracle: str
    """Folder of the reward model."""
    file: str
    rows: str
    """Where the scored rows go: Parquet where the name says so, else JSON lines."""
    template: str
    """`auto` or `none`, as in training."""
    dtype: str
    device: str
    threads: int | None
    total: int
    """How many rows the file holds."""
    out: str
    """Folder for `progress.json` and `result.json`."""


class Scorer:
    """The oracle in memory, with its tokenizer."""

    def __init__(self, request: Request) -> None:
        """Load both. Raises UserError where the folder is no reward model or holds weights that are not finite."""
        world = start({"device": request.device, "threads": request.threads}, seed=0)
        self.device = world.device
        location = {"path": request.oracle}
        self.renderer = Renderer(load_tokenizer(location, None, "oracle.model"), request.template, "oracle.model")
        self.reward_model = load_reward_model(location).eval().to(world.device)
        self.limit = limit_of(self.reward_model.model.config.to_dict())
        self.dtype = request.dtype

    def score(self, rows: list[Row]) -> tuple[list[dict[str, Any]], list[list[int]]]:
        """Return the rows, all with as many responses, with their rewards beside what they held; and tokens.

        A row's prompt is computed once for all its responses. The tokens are those of each response.
        """
        items = items_of(rows, self.renderer, self.limit)
        lengths = np.array([len(prompt) + sum(map(len, answers)) for prompt, answers in items])
        rewards = np.empty((len(rows), len(rows[0].responses)), dtype=np.float32)
        for batch in budget_batches(lengths, BATCH_TOKENS * (CUDA_BATCHES if self.device.type == "cuda" else 1)):
            values = score_batch(self.reward_model, [items[int(item)] for item in batch], self.dtype, logp=False)
            rewards[batch] = values.reshape(len(batch), -1)
        for reward, (_, answers) in zip(rewards, items, strict=True):
            reward[:] = [reward[answers.index(one)] for one in answers]  # equal texts are a tie, in any arithmetic
        if not np.isfinite(rewards).all():
            raise StageFailed("the oracle's reward is not finite", code="not-finite", hint="take another oracle")
        scored = [_scored(row, found) for row, found in zip(rows, rewards.tolist(), strict=True)]
        return scored, [[len(answer) for answer in answers] for _, answers in items]


def _scored(row: Row, rewards: list[float]) -> dict[str, Any]:
    if row.columns == SINGLE:
        return {**row.plain, "reward": rewards[0]}
    (margin,) = gaps(np.array(rewards[:1]), np.array(rewards[1:]))
    return {**row.plain, "reward_chosen": rewards[0], "reward_rejected": rewards[1], "margin": float(margin)}


class Summary:
    """What is kept of the scored rows: a few numbers each."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.values: list[float] = []
        self.pairs = False
        self.tokens: list[list[int]] = []
        self.rows: list[dict[str, Any]] = []

    def add(self, scored: dict[str, Any], tokens: list[int]) -> None:
        """Count a row."""
        self.pairs = "margin" in scored
        self.values.append(scored["margin" if self.pairs else "reward"])
        if self.pairs:
            self.tokens.append(tokens)
            self.rows.append({name: scored.get(name) for name in ("confidence", "subset")})

    def as_dict(self) -> dict[str, Any]:
        """Return the counts: for pairs accuracy (a tie counts half), mean margin and all figures of quality."""
        values = np.array(self.values)
        if not self.pairs:
            return {"responses": len(values), "mean_reward": float(values.mean()), "std_reward": float(values.std())}
        found = quality({"margin_0": values, **of_rows(self.rows, self.tokens)}, seed=0)
        accuracy = float(share_above(values).mean())
        figures = [figure.as_dict() for figure in found]
        return {"pairs": len(values), "accuracy": accuracy, "mean_margin": float(values.mean()), "figures": figures}


def run(request: Request) -> dict[str, Any]:
    """Score the file, write the rows in their order, and return the summary."""
    scorer, summary, progress = Scorer(request), Summary(), Progress(request)

    def write(path: Path) -> None:
        with ExitStack() as stack:
            sink = _sink(request.rows, path, stack)
            rows = read_rows(request.file)
            while chunk := list(islice(rows, CHUNK)):
                scored, tokens = scorer.score(chunk)
                sink(scored)
                for row, counts in zip(scored, tokens, strict=True):
                    summary.add(row, counts)
                progress.update(len(summary.values), request.total, unit="row")

    write_via(Path(request.rows), write)
    return summary.as_dict()


def _sink(name: str, path: Path, stack: ExitStack) -> Any:
    """Return what takes scored rows, a chunk at a time."""
    if name.endswith(".parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        writers: list[Any] = []

        def parquet(rows: list[dict[str, Any]]) -> None:
            table = pa.Table.from_pylist(rows, schema=writers[0].schema if writers else None)
            if not writers:
                writers.append(stack.enter_context(pq.ParquetWriter(path, table.schema)))
            writers[0].write_table(table)

        return parquet
    file = stack.enter_context(path.open("w", encoding="utf-8"))

    def lines(rows: list[dict[str, Any]]) -> None:
        file.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)

    return lines


def main(path: Path) -> int:
    """Carry the request out; leave the summary, or the faults, in `result.json`."""
    request = Request(**json.loads(path.read_text(encoding="utf-8")))
    return answer(Path(request.out), lambda: run(request))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
