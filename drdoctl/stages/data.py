"""The data stage: rows of the source, checked, split, rendered and tokenised, for all later stages."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from drdoctl.spec.facts import ModelFacts, TokenizerFacts
from drdoctl.spec.used import judge_model, oracle_model, student_model
from drdoctl.splits import Split
from drdoctl.stages import Job, Want
from drdoctl.stages.blueprint import ORACLE, ORACLE_MODEL, STUDENT_MODEL, Blueprint, Origin, once

VERSION = 1
SOURCE = "data.source"
REWARDS = "rewards"
"""The role of an oracle's rewards: the stage then goes on with the split of pairs that are there already."""
ALL, BEFORE = "all", "before"
"""Labels of the stage with all pairs, and of the one with those before a step that needs an oracle."""
EVALUATED = "validation_fraction"
"""The field of `data` that the evaluate stage reads."""

_Tokenizer = tuple[str, TokenizerFacts | None, str, ModelFacts | None, Callable[[], Origin]]
"""Its name among the externals, what stands for it, the role of the model that it comes with, and both of that."""


@once
def want(bp: Blueprint) -> Want:
    """Return the data stage whose pairs students learn from: all combinations with the same `data:` share it."""
    if bp.divided[1]:
        from drdoctl.stages.resplit import want as again  # rests on an oracle's rewards, which rest on `whole`

        return again(bp)
    return _read(bp, bp.spec.data.split, bp.spec.data.max_rows)


@once
def whole(bp: Blueprint) -> Want:
    """Return the data stage with all pairs, where the spec tells them from those that the student sees; else `want`.

    All pairs: before the split, or before the first of its steps that needs an oracle.
    """
    if not bp.parted:
        return want(bp)
    early, late = bp.divided
    return unsplit(bp) if not early or not late else replace(_read(bp, early, None), label=BEFORE)


@once
def unsplit(bp: Blueprint) -> Want:
    """Return the data stage with all pairs, whatever the spec's split."""
    found = replace(_read(bp, [], None), label=ALL)
    # a stage that goes on with these very pairs is never the same
    own = found if bp.divided[1] else want(bp)
    return own if own.fingerprint == found.fingerprint else found


def _read(bp: Blueprint, steps: Sequence[Split], most: int | None) -> Want:
    """Return the stage that reads the source, with some steps of its split, and at most so many rows of them."""
    spec, source = bp.spec, bp.facts.data(bp.spec.data.source)
    settings = {f"data.{name}": value for name, value in spec.data.model_dump(mode="json", exclude={EVALUATED}).items()}
    if spec.data.judge_fraction is None:  # left out: artifacts had their names before there were judges
        del settings["data.judge_fraction"]
    settings[SOURCE] = source.settings
    settings["data.split"] = plain_steps(steps)
    settings["data.max_rows"] = most
    if spec.student.sft:
        settings["student.sft.rows"] = spec.student.sft.rows
    inputs: dict[str, Want] = {}
    externals = dict(source.externals)
    locations: dict[str, Any] = {SOURCE: source.location, "base": str(bp.facts.base)}
    tokenizers: list[_Tokenizer] = [
        ("student.tokenizer", bp.student_tokenizer(), STUDENT_MODEL, student_model(spec, bp.facts), bp.base_student),
        ("oracle.tokenizer", bp.oracle_tokenizer(), ORACLE_MODEL, oracle_model(spec, bp.facts), bp.base_oracle),
        *(_judges_own(bp, name) for name in spec.judges),
    ]
    for name, tokenizer, role, model, origin in tokenizers:
        if tokenizer is None:
            continue
        pulled = _from_zoo(tokenizer, model, origin())
        if pulled is not None:
            inputs[role] = pulled
            folder = bp.facts.store_root / "artifacts" / pulled.artifact
            locations[name] = {"path": str(folder.absolute())}
        else:
            externals[name] = tokenizer.identity
            locations[name] = tokenizer.location
    return Want(
        kind="data",
        version=VERSION,
        settings={**settings, **bp.seed},
        inputs=inputs,
        externals=externals,
        locations=locations,
        sizes={"rows": source.rows, "bytes": source.size},
    )


def plain_steps(steps: Sequence[Split]) -> list[dict[str, Any]]:
    """Return the steps of a split as the stage is told them: `all` is none."""
    return [step.model_dump(mode="json") for step in steps if step.name != "all"]


def _judges_own(bp: Blueprint, name: str) -> _Tokenizer:
    """Return a judge's tokenizer as one more that the rows are encoded with, where it is not known already."""
    who, model = bp.judge_reader(name), judge_model(bp.spec, bp.facts, name)
    own = model.tokenizer if model is not None and who not in ("student", ORACLE) else None
    return f"{who}.tokenizer", own, f"{who}.model", model, partial(bp.base_judge, name)


def _from_zoo(tokenizer: TokenizerFacts, model: ModelFacts | None, origin: Origin) -> Want | None:
    """Return the stage that pulls the model whose tokenizer this is, where it comes from the zoo."""
    if model is None or model.zoo is None or tokenizer is not model.tokenizer:
        return None
    return origin.inputs["policy"]


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.data._again import Scored, build_again
    from drdoctl.data._build import build
    from drdoctl.data._read import Request
    from drdoctl.splits._apply import apply_steps
    from drdoctl.stages.planned import as_planned, outside

    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    request = Request(settings=job.settings, locations=job.locations, out=job.out, choose=apply_steps)
    if REWARDS in job.inputs:
        build_again(request, Scored(job.input("data"), job.input(REWARDS)))
        return
    with as_planned(outside(job)):
        build(request)
