"""The logps stage: the start model's log-probabilities, cached once for methods with a reference.

Of all pairs as they are logged; and, where a method asks, of mismatched pairs (each prompt before another row's
responses) or of responses that the start model itself gives: in artifacts of their own, so that all methods go on
sharing the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.stages import Job, Want
from drdoctl.stages import data as data_stage
from drdoctl.stages import sft as sft_stage
from drdoctl.stages.blueprint import Blueprint, once

VERSION = 1
OF = "logps.of"
"""Which responses are scored. Left out for the logged ones: their artifacts had names before there were others."""
MISMATCHED, SAMPLES = "mismatched", "samples"
TRAIN = ("train",)
NOTHING: Mapping[str, Any] = {}


@once
def want(bp: Blueprint) -> Want | None:
    """Return the stage for the logged pairs, or None where the combination's method needs no reference."""
    return _scored(bp) if bp.spec.method is not None and bp.spec.method.needs_logps else None


def mismatched(bp: Blueprint) -> Want | None:
    """Return the stage for mismatched pairs, or None where the combination's method looks at none."""
    asked = bp.spec.method is not None and bp.spec.method.needs_mismatched
    return _scored(bp, {OF: MISMATCHED}, parts=TRAIN) if asked else None


def samples(bp: Blueprint) -> Want | None:
    """Return the stage that samples from the start model, or None where the combination's method asks for no samples.

    A response may be as long as the data's limits leave room for after any prompt.
    """
    count = bp.spec.method.reference_samples if bp.spec.method is not None else 0
    if not count:
        return None
    room = bp.spec.data.max_tokens - bp.spec.data.max_prompt_tokens
    asked = {"responses": count, "max_new_tokens": room}
    settings = {OF: SAMPLES, **{f"{SAMPLES}.{name}": value for name, value in asked.items()}}
    return _scored(bp, settings, parts=TRAIN, samples=asked)


def _scored(bp: Blueprint, of: Mapping[str, Any] = NOTHING, **sizes: Any) -> Want:
    start = sft_stage.start_model(bp)
    return Want(
        kind="logps",
        version=VERSION,
        settings={**of, **start.settings, "student.dtype": bp.spec.student.dtype, **bp.seed},
        inputs={"data": data_stage.want(bp), **start.inputs},
        externals=start.externals,
        label=of.get(OF, ""),
        locations=start.locations,
        sizes={"model": start.size, **sizes},
    )


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.logps import run as score

    score(job)
