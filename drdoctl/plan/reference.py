"""What the reference's responses cost: drawing and scoring them once, and learning on them in every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from drdoctl.plan import memory, work
from drdoctl.plan.memory import GIB
from drdoctl.plan.seconds import Work
from drdoctl.plan.sizes import ModelSize, Rows, Sizes
from drdoctl.plan.types import Estimate
from drdoctl.stages import Want
from drdoctl.stages.logps import SAMPLES


def drawn(want: Want, rows: Rows) -> tuple[int, float]:
    """Return how many responses of the reference each row has, and their mean length. `want`: what reads or makes them.

    A reference that has learned to stop writes about as much as the logged responses.
    """
    asked = want.inputs.get(SAMPLES, want).sizes.get(SAMPLES)
    return (asked["responses"], min(asked["max_new_tokens"], rows.chosen)) if asked else (0, 0.0)


def with_samples(want: Want, rows: Rows | None) -> Rows | None:
    """Return the rows as a step computes them: the reference's responses are as many tokens more to reject."""
    count, length = drawn(want, rows) if rows is not None else (0, 0.0)
    if rows is None or not count:
        return rows
    return replace(rows, rejected=rows.rejected + count * length, longest=rows.longest + count * length)


def scored(want: Want, sizes: Sizes) -> Sizes:
    """Return what a `logps` stage scores: the logged responses, or those that the reference gives."""
    if SAMPLES not in want.sizes or sizes.train is None:
        return sizes
    count, length = drawn(want, sizes.train)
    return replace(sizes, train=replace(sizes.train, chosen=count * length, rejected=0.0))


def drawing(
    want: Want, model: ModelSize | None, rows: Rows | None, dtype: str, resources: Mapping[str, Any]
) -> tuple[Estimate, Work]:
    """Return what drawing the responses takes, and the work of one process; nothing where none are drawn."""
    if SAMPLES not in want.sizes or rows is None or model is None:
        return Estimate(), Work()
    count, wrote = drawn(want, rows)
    prompts, length, new = rows.count * count, rows.prompt + wrote, want.sizes[SAMPLES]["max_new_tokens"]
    flops = model.forward(prompts * length, length, prompts * wrote)
    at_once = memory.sampled_rows(model, prompts, rows.prompt + new, resources)
    todo = work.sampling(model, prompts, length, wrote, at_once, dtype, resources) + Work(flops=flops)
    peak = memory.sampling(model, prompts, rows.prompt, new, dtype, resources)
    told = Estimate(tokens=round(prompts * length), flops=flops, disk_gib=prompts * wrote * 4 / GIB, **peak.told())
    pieces = work.sampled_pieces(model, prompts, rows.longest + new)
    return told, todo.times(work.busiest(pieces, resources["processes"]))


def together(one: tuple[Estimate, Work], other: tuple[Estimate, Work]) -> tuple[Estimate, Work]:
    """Return two things done one after the other as one."""
    (first, todo), (second, more) = one, other
    peak = max((first, second), key=lambda each: each.memory_gib)
    sums = {name: getattr(first, name) + getattr(second, name) for name in ("tokens", "flops", "disk_gib")}
    return replace(peak, **sums), todo + more
