"""What does not fit into `resources.memory_gib`, and the smallest single change that makes it fit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drdoctl.core.micro import MICRO_TOKENS
from drdoctl.plan.activations import on_cpu
from drdoctl.plan.estimate import estimates
from drdoctl.plan.seconds import device_of
from drdoctl.plan.sizes import Basis
from drdoctl.plan.types import Estimate, Fit, Plan
from drdoctl.stages import Want

LEAST_TOKENS = 64
"""Smaller micro-batches than this save nothing: a row is never cut."""


def fit_of(wants: Sequence[Want], found: Sequence[Estimate], basis: Basis, resources: Mapping[str, Any]) -> Fit | None:
    """Return what does not fit and the remedy, or None where all fits or `memory_gib` is not given."""
    room = resources.get("memory_gib")
    sized = sorted(zip(wants, found, strict=True), key=lambda pair: -pair[1].memory_gib)
    over = [want.id for want, one in sized if room is not None and one.memory_gib > room]
    if room is None or not over:
        return None
    best: tuple[float, tuple[str, ...]] | None = None
    for changed in changes(resources):
        then = max(one.memory_gib for one in estimates(wants, basis, {**resources, **changed}))
        if best is None or then < best[0]:
            best = (then, tuple(f"resources.{key}={_plain(value)}" for key, value in changed.items()))
        if then <= room:
            best = (then, tuple(f"resources.{key}={_plain(value)}" for key, value in changed.items()))
            break
    needs = max(one.memory_gib for one in found)
    then, sets = best if best is not None and best[0] < needs else (needs, ())
    return Fit(room, tuple(over), needs, sets, then)


def changes(resources: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the changes to try, the smallest first: micro-batches, recomputation, activations away, ZeRO, offload.

    Recomputing costs a forward pass; moving activations to the CPU and back costs more, as far as the bus is slower.
    """
    tokens = (resources["micro_tokens"] or MICRO_TOKENS[device_of(resources)]) // 2
    while tokens >= LEAST_TOKENS:
        yield {"micro_tokens": tokens}
        tokens //= 2
    if not resources["gradient_checkpointing"]:
        yield {"gradient_checkpointing": True}
    # what a CPU moves to the CPU's memory stays where it was
    if not on_cpu(resources) and not resources["activation_offload"]:
        yield {"activation_offload": True}
    stage = resources["zero_stage"]
    if resources["processes"] > 1:
        for more in range(stage + 1, 4):
            yield {"zero_stage": more}
    if not on_cpu(resources):
        if resources["offload"] == "none":
            for more in range(max(1, stage), 4 if resources["processes"] > 1 else max(1, stage) + 1):
                yield {"offload": "optimizer"} if more == stage else {"zero_stage": more, "offload": "optimizer"}
        if resources["offload"] != "all":
            yield {"offload": "all"} if stage == 3 else {"zero_stage": 3, "offload": "all"}


def _plain(value: Any) -> str:
    return str(value).lower()


def fit_text(fit: Fit) -> str:
    """Return the sentence that says what does not fit, and what helps."""
    more = f" and {len(fit.stages) - 1} more" if len(fit.stages) > 1 else ""
    need = "need" if more else "needs"
    text = (
        f"`{fit.stages[0]}`{more} {need} up to {_told(fit.needs_gib, fit.memory_gib)} GiB a process, "
        f"more than `resources.memory_gib: {fit.memory_gib:.15g}`"
    )
    sets = "`" + " ".join(f"--set {value}" for value in fit.sets) + "`"
    then = _told(fit.then_gib, fit.memory_gib)
    if fit.fits:
        return f"{text}: {sets} brings it to {then} GiB"
    over = _told(fit.then_gib - fit.memory_gib, 0.0)
    if not fit.sets:
        return f"{text}: no single setting lowers it, and {over} GiB are lacking"
    return f"{text}: no single setting is enough; {sets} comes nearest with {then} GiB, {over} too much"


def _told(size: float, limit: float, digits: int = 2) -> str:
    """Return GiB with as many digits as show on which side of the limit they are."""
    while (float(f"{size:.{digits}f}") > limit) != (size > limit):
        digits += 1
    return f"{size:.{digits}f}"


def machine_text(plan: Plan, processes: int, machine_gib: float) -> str | None:
    """Return a warning where a CPU's stages will need more than the machine's memory, else None."""
    todo = [stage for stage in plan.stages if stage.action not in ("reuse", "pull")]
    needs = max((stage.estimate.memory_gib for stage in todo), default=0.0) * processes
    if needs <= machine_gib:
        return None
    each = f"{processes} processes need" if processes > 1 else "the largest stage needs"
    # rounded down, so that what fits by the plan's word fits the machine
    room = max(1, math.floor(machine_gib / processes * 10)) / 10
    return (
        f"{each} about {_told(needs, machine_gib, 1)} GiB, and this machine has {machine_gib:g}: "
        f"`--set resources.memory_gib={room:.1f}` makes the plan say what would fit"
    )
