"""A student's responses to the evaluation prompts, in pieces that are files: a resume samples only what is missing.

Which prompts lie in one piece follows from the prompts' lengths and the model alone, never from the
processes or the device, so the same spec gives the same responses however often it was interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from drdoctl.core.architectures import Limit, limit_of
from drdoctl.core.progress import Progress, check_stop
from drdoctl.evals import Sampling
from drdoctl.evals._room import require_room
from drdoctl.train.cache import cache_bytes
from drdoctl.train.columns import read
from drdoctl.train.draws import row_seed
from drdoctl.train.models import DTYPES
from drdoctl.train.pieces import Pieces
from drdoctl.train.sample import SampledResponse, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from drdoctl.evals import Eval
    from drdoctl.stages import Job
    from drdoctl.train.runtime import World

PIECE_BYTES = 2 << 30
PIECE_ROWS = (64, 512)
"""A piece holds as many prompts as have 2 GiB of keys and values, within these bounds."""


@dataclass(frozen=True)
class Way:
    """One way of sampling, and to how many prompts from the front of the list."""

    temperature: float
    top_p: float
    max_new_tokens: int
    prompts: int
    of: str = ""
    """Whose prompts they are, as in `Sampling`."""

    @property
    def label(self) -> str:
        """Return the name of the draws."""
        return Sampling(self.temperature, self.top_p, self.max_new_tokens, of=self.of).label


def ways_of(wanted: Sequence[Eval], prompts: int) -> list[Way]:
    """Return what to sample: one way for each temperature, top-p and limit, to as many prompts as any eval asks for."""
    most: dict[tuple[float, float, int], int] = {}
    for sampling in (sampling for part in wanted for sampling in part.samplings()):
        key = (sampling.temperature, sampling.top_p, sampling.max_new_tokens)
        most[key] = max(most.get(key, 0), min(sampling.prompts or prompts, prompts))
    return [Way(*key, count) for key, count in most.items()]


@dataclass(frozen=True)
class Said:
    """One response as text."""

    text: str
    tokens: int
    """The end token included."""
    ended: bool


def _limit(config: Any) -> Limit | None:
    return limit_of(config.to_dict() if hasattr(config, "to_dict") else vars(config), sampling=True)


def with_room(config: Any, prompts: Sequence[Sequence[int]], new: int) -> list[int]:
    """Return the numbers of the prompts after which the model has positions for so many new tokens."""
    limit = _limit(config)
    return [row for row, ids in enumerate(prompts) if limit is None or len(ids) + new <= limit.tokens]


def check_room(config: Any, longest: int, way: Way) -> None:
    """Raise UserError where prompt and response together exceed the model's positions."""
    require_room(_limit(config), longest, way.max_new_tokens, of_data=not way.of)


class Sampler:
    """Samples every way, piece by piece; processes take the pieces in turn."""

    def __init__(self, job: Job, world: World, prompts: Sequence[Sequence[int]], ids: Sequence[str]) -> None:
        """`prompts`: token ids of the evaluation prompts; `ids`: their names, which seed the draws."""
        self.job, self.world, self.prompts, self.ids = job, world, prompts, ids
        self.lengths = np.array([len(prompt) for prompt in prompts], dtype=np.int64)

    def pieces(self, config: Any, way: Way) -> list[np.ndarray]:
        """Return the prompts' numbers piece by piece, the longest first: if memory is short, it shows at once."""
        order = np.argsort(-self.lengths[: way.prompts], kind="stable")
        row = cache_bytes(config, int(self.lengths.max()) + way.max_new_tokens)
        rows = int(np.clip(PIECE_BYTES // row, *PIECE_ROWS))
        return [order[at : at + rows] for at in range(0, len(order), rows)]

    def _kept(self, way: Way) -> Pieces:
        return Pieces(self.job, "samples", way.label)

    def run(self, lm: Any, ways: Sequence[Way], ends: Sequence[int], dtype: str) -> dict[str, list[SampledResponse]]:
        """Return the responses of each way by its label, in prompt order. Every process gets all of them."""
        self.fill(lm, ways, ends, dtype)
        said = {}
        for way in ways:
            found = {row: one for table in self.tables(lm.config, way) for row, one in _responses(table)}
            said[way.label] = [found[row] for row in range(way.prompts)]
        return said

    def fill(self, lm: Any, ways: Sequence[Way], ends: Sequence[int], dtype: str) -> None:
        """Sample this process's pieces, as far as they are not there yet; the first, all that are damaged too."""
        plan = [(way, index, rows) for way in ways for index, rows in enumerate(self.pieces(lm.config, way))]
        for way in ways:
            check_room(lm.config, int(self.lengths[: way.prompts].max()), way)
        progress, done = Progress(self.job), 0
        total = sum(way.max_new_tokens * len(rows) for way, _, rows in plan)
        progress.keeps(self._kept_tokens(plan))
        for place, (way, index, rows) in enumerate(plan):
            if place % self.world.size == self.world.rank and not self._kept(way).there(_name(index)):
                self._one(lm, way, index, rows, ends, dtype, _Step(self.job, progress, done, total))
            done += way.max_new_tokens * len(rows)
            progress.update(done, total, unit="token")
            progress.keeps(self._kept_tokens(plan))
        for way in ways if self.world.first else ():
            pieces = self.pieces(lm.config, way)
            for index in self._kept(way).damaged([_name(index) for index in range(len(pieces))], progress):
                self._one(lm, way, index, pieces[index], ends, dtype, lambda *_: check_stop(self.job))

    def _kept_tokens(self, plan: Sequence[tuple[Way, int, np.ndarray]]) -> int:
        """Return how many tokens a resume need not sample: those of all processes' finished pieces."""
        there = (way.max_new_tokens * len(rows) for way, index, rows in plan if self._kept(way).there(_name(index)))
        return sum(there)

    def tables(self, config: Any, way: Way) -> Iterator[pa.Table]:
        """Yield all processes' pieces as tables of `row`, `ids` and `ended`, waiting for those not there yet."""
        kept = self._kept(way)
        for index in range(len(self.pieces(config, way))):
            yield read(pa.BufferReader(kept.whole(_name(index), mended=self.world.first)))

    def _one(
        self,
        lm: Any,
        way: Way,
        index: int,
        rows: np.ndarray,
        ends: Sequence[int],
        dtype: str,
        between: Callable[[int, int], None],
    ) -> None:
        device = lm.device.type
        with torch.autocast(device, dtype=DTYPES[dtype], enabled=dtype != "fp32"):
            found = sample(
                lm,
                [self.prompts[int(row)] for row in rows],
                temperature=way.temperature,
                top_p=way.top_p,
                max_new_tokens=way.max_new_tokens,
                eos_ids=ends,
                seeds=[row_seed(self.job.settings["seed"], self.ids[int(row)], way.label) for row in rows],
                pad_id=0,
                between=between,
            )
        columns = {
            "row": pa.array(rows),
            "ids": pa.array([response.ids for response in found], type=pa.list_(pa.int32())),
            "ended": pa.array([response.ended for response in found]),
        }
        content = pa.BufferOutputStream()
        pq.write_table(pa.table(columns), content)
        self._kept(way).put(_name(index), content.getvalue().to_pybytes())


def _name(piece: int) -> str:
    return f"{piece:06d}"


class _Step:
    """Called after every pass over a piece's rows: says how far we are, and stops where the parent asks."""

    def __init__(self, job: Job, progress: Progress, done: int, total: int) -> None:
        self.job, self.progress, self.done, self.total = job, progress, done, total

    def __call__(self, done: int, drawn: int) -> None:
        check_stop(self.job)
        self.progress.update(self.done + done, self.total, unit="token", tokens=drawn)


def _responses(table: pa.Table) -> Iterator[tuple[int, SampledResponse]]:
    columns = table.to_pydict()
    for row, ids, ended in zip(columns["row"], columns["ids"], columns["ended"], strict=True):
        yield row, SampledResponse(ids, ended)
