"""Publishing what `select` picks: one stage for each group and seed, which rests on every candidate and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from drdoctl.core.choice import best, is_meant, mean
from drdoctl.core.errors import StageFailed, UserError
from drdoctl.core.files import read_json
from drdoctl.core.words import ORACLE, VALIDATION
from drdoctl.spec.choice import choice_of, matching, measures
from drdoctl.spec.facts import Facts
from drdoctl.spec.grid import Place, groups
from drdoctl.stages import Job, Want
from drdoctl.stages import align as align_stage
from drdoctl.stages import evaluate as evaluate_stage
from drdoctl.stages.blueprint import Blueprint

SETTINGS = "select.settings"
"""The setting that names a group's candidates, in the spec's order; `student-I` is the I-th one's artifact."""

Cells = Sequence[tuple[Place, Blueprint]]


def candidates(own: Cells, group: Cells) -> tuple[dict[str, Want], dict[str, Any]]:
    """Return the inputs and settings of a stage that chooses: `student-I` of its seed, `figures-I-J` of every seed."""
    inputs: dict[str, Want] = {}
    names = [place.setting for place, _ in own]
    for index, (place, bp) in enumerate(own):
        inputs[f"student-{index}"] = _made(align_stage.want(bp))
        measured = [other for at, other in group if at.setting == place.setting]
        for seed, other in enumerate(measured):
            inputs[f"figures-{index}-{seed}"] = _made(evaluate_stage.want(other))
    chosen_by = choice_of(own[0][1].spec)
    if chosen_by is None:
        raise TypeError("nothing is chosen without `select`")
    return inputs, {SETTINGS: names, **{f"select.{name}": value for name, value in asdict(chosen_by).items()}}


def require_one_judge(cells: Cells, facts: Facts) -> None:
    """Raise UserError where a group is chosen from by rewards of several models, whose scales are their own.

    Models may differ from seed to seed: each setting then has the mean over the same ones.
    """
    for _, own, _ in groups(cells):
        first: dict[str, tuple[str, Any]] = {}
        for place, bp in own:
            for judge, mark in _marks(bp).items():
                label, other = first.setdefault(judge, (place.label, mark))
                if mark != other:
                    raise _several(bp, judge, label, place.label, facts)


def _marks(bp: Blueprint) -> dict[str, Any]:
    """Return what each reward model is, by the judge's name, whose word `select` may choose a combination by."""
    select, models = bp.spec.select, {ORACLE, *bp.spec.judges}
    names = {one.judge for one in matching(select, measures(bp.spec))} & models if select is not None else set()
    measured = evaluate_stage.want(bp)
    return {name: _mark(measured, name) for name in sorted(filter(None, names))} if measured is not None else {}


def _several(bp: Blueprint, judge: str, one: str, other: str, facts: Facts) -> UserError:
    metric = bp.spec.select.metric if bp.spec.select is not None else ""
    return UserError(
        f"`select` compares `{metric}` by several models: judge `{judge}` is one for `{one}` and another for `{other}`",
        code="several-judges",
        where=facts.places("select.metric"),
        hint=_one_judge(judge, has_truth=bp.spec.data.source.has_truth),
    )


def _mark(measured: Want, judge: str) -> Any:
    model = measured.judge(judge)
    return model and (model[0] and model[0].fingerprint, *model[1:])


def _one_judge(judge: str, *, has_truth: bool) -> str:
    own = "name one judge for all under `judges:`, and choose by its word with `select.judge`"
    if judge != ORACLE:
        own = f"give `judges.{judge}` a `model` that is the same for all, such as a finished reward model"
    other = "`truth.reward`" if has_truth else "`implicit_accuracy`"
    return f"{own}; or choose by a figure without such a judge, such as {other}"


def _made(want: Want | None) -> Want:
    if want is None:
        raise TypeError("`select` has students and figures to choose by")
    return want


def choose(job: Job) -> tuple[Job, dict[str, Any] | None]:
    """Return the job with the picked student as its `artifact`, and what it was picked by; None where it was given.

    Raises StageFailed where no candidate has the figure on each of its seeds.
    """
    if SETTINGS not in job.settings:
        return job, None
    by = job.section("select")
    means = {setting: mean(_values(job, index, by)) for index, setting in enumerate(by["settings"])}
    picked = best(means, str(by["goal"]))
    if picked is None:
        listed = ", ".join(f"`{setting}`" for setting in means)
        message = f"nothing is picked: none of {listed} has `{by['metric']}` on the validation part for every seed"
        hint = "choose by another figure: `drdoctl report` shows them all"
        raise StageFailed(message, code="no-choice", hint=hint)
    index = list(means).index(picked)
    bases = job.locations.get("bases") or []
    return (
        replace(
            job,
            inputs={**job.inputs, "artifact": job.inputs[f"student-{index}"]},
            locations={**job.locations, "base": bases[index] if bases else None},
        ),
        {**{name: by[name] for name in by if name != "settings"}, "setting": picked, "validation": means},
    )


def _values(job: Job, index: int, by: Mapping[str, Any]) -> list[float | None]:
    """Return a candidate's validation figure of each seed."""
    found: list[float | None] = []
    while f"figures-{index}-{len(found)}" in job.inputs:
        document = read_json(job.input(f"figures-{index}-{len(found)}") / "figures.json") or {}
        meant = (one for one in document.get("figures", ()) if is_meant(one, by, VALIDATION))
        found.append(next((one["value"] for one in meant), None))
    return found
