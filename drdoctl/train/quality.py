"""Evaluate stages about reward models: margins of the held-out pairs, and of files of pairs, by each model once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from drdoctl.core.architectures import limit_of
from drdoctl.core.errors import StageFailed, UserError, Where
from drdoctl.core.files import write_json
from drdoctl.core.progress import Progress
from drdoctl.data._distance import edit_distances
from drdoctl.evals import EvalData
from drdoctl.evals._quality import of_rows
from drdoctl.train.chunks import Chunks
from drdoctl.train.columns import numbers, read
from drdoctl.train.evaluate import label_of, parse_evals, plain_figure
from drdoctl.train.rendering import renderer
from drdoctl.train.reward_model import load_reward_model
from drdoctl.train.rewards import oracles, write_table
from drdoctl.train.rows import TokenRows
from drdoctl.train.runtime import World, start
from drdoctl.train.score_items import items_of
from drdoctl.train.score_rows import PAIR, read_rows
from drdoctl.train.scoring import score_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drdoctl.evals import Eval
    from drdoctl.stages import Job
    from drdoctl.train.batches import Item


@dataclass(frozen=True)
class TestSet:
    """Labelled pairs as a reward model reads them; each is scored once, whoever asks for it."""

    ids: list[str]
    items: Callable[[np.ndarray], list[Item]]
    """Row numbers -> the pairs' token ids."""
    lengths: np.ndarray
    known: dict[str, np.ndarray]
    """What is known of the pairs beside their margins, as `EvalData.pairs` has it."""


def held_out(job: Job, who: str) -> TestSet:
    """Return the data artifact's evaluation pairs."""
    folder = job.input("data")
    rows = TokenRows(folder, "eval", who, PAIR)
    table = read(folder / "eval.parquet", columns=["confidence", "edit_distance"])
    chosen, rejected = rows.response_lengths.T
    known = {"chosen_tokens": chosen, "rejected_tokens": rejected}
    for name in table.column_names:
        values = numbers(table.column(name))
        known |= {name: values} if np.isfinite(values).any() else {}
    return TestSet(rows.ids.to_pylist(), rows.items, rows.lengths, known)


def from_file(job: Job, file: str, who: str, config: dict[str, Any]) -> TestSet:
    """Return the pairs of a file, all in memory. Raises UserError naming the rows that cannot be used."""
    rows = list(read_rows(file))
    if rows[0].columns != PAIR:
        hint = "give rows with `prompt`, `chosen` and `rejected`"
        raise UserError("oracle quality needs pairs", code="no-pairs", where=Where(rows[0].where), hint=hint)
    items = items_of(rows, renderer(job, who), limit_of(config))
    responses = [answers for _, answers in items]
    distances = edit_distances(responses)
    known = of_rows([row.plain for row in rows], [[len(answer) for answer in answers] for answers in responses])
    known["edit_distance"] = np.array([np.nan if each is None else each for each in distances], dtype=np.float64)
    lengths = np.array([len(prompt) + sum(map(len, answers)) for prompt, answers in items])
    ids = [str(row.plain.get("id", at)) for at, row in enumerate(rows)]
    return TestSet(ids, lambda batch: [items[int(row)] for row in batch], lengths, known)


def run(job: Job) -> None:
    """Score every set of pairs with every model, one model in memory at a time, and measure."""
    world = start(job.resources, job.settings["seed"])
    parts = parse_evals(job.settings["evaluate"], job.locations)
    files = [part.files().get("pairs", "") for part in parts]
    who = str(job.settings.get("oracle.tokens", "oracle"))
    sets: dict[str, TestSet] = {}
    margins: dict[str, dict[str, np.ndarray]] = {}
    for member, where in enumerate(oracles(job)):
        model = load_reward_model(where).eval().to(world.device)
        if not sets:
            config = model.model.config.to_dict()
            sets = {name: from_file(job, name, who, config) if name else held_out(job, who) for name in files}
            parse_evals(job.settings["evaluate"], job.locations)  # the files were read between two looks at them
        for at, (name, pairs) in enumerate(sets.items()):
            found = _margins(job, world, model, pairs, f"pairs-{at}-{member}")
            margins.setdefault(name, {})[f"margin_{member}"] = found
    if world.first:
        _write(job, parts, [(sets[name], margins[name]) for name in files])


def _margins(job: Job, world: World, model: Any, pairs: TestSet, table: str) -> np.ndarray:
    def compute(batch: np.ndarray) -> dict[str, np.ndarray]:
        values = score_batch(model, pairs.items(batch), job.settings["oracle.dtype"], logp=False)
        return {"margin": values[0::2] - values[1::2]}

    found = Chunks(job, world, table, pairs.lengths).run(compute, Progress(job)) or {}
    margin = found.get("margin", np.empty(0, dtype=np.float32))
    if not np.isfinite(margin).all():
        raise StageFailed("the oracle's reward is not finite", code="not-finite", hint="take another oracle")
    return margin


def _write(job: Job, parts: Sequence[Eval], found: list[tuple[TestSet, dict[str, np.ndarray]]]) -> None:
    figures: list[dict[str, Any]] = []
    tables = []
    for part, (pairs, margins) in zip(parts, found, strict=True):
        data = EvalData({}, {}, {**margins, **pairs.known}, warnings=job.warnings, seed=job.settings["seed"])
        figures += [plain_figure(figure.as_dict()) for figure in part.measure(data)]
        columns = {key: pa.array(values) for key, values in margins.items()}
        tables.append(
            pa.table(
                {"test_set": pa.array([part.tried_on()] * len(pairs.ids), pa.string()), "id": pairs.ids, **columns}
            )
        )
    joined = pa.concat_tables(tables)
    write_table(job.path("pairs.parquet"), {name: joined.column(name) for name in joined.column_names})
    document = {"figures": figures, "oracle": label_of(job), "warnings": list(job.warnings)}
    write_json(job.path("figures.json"), document)
