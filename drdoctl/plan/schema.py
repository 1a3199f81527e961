"""The JSON Schema of a plan, as `plan --json` prints it; `make gen` writes `schemas/plan.schema.json`."""

from __future__ import annotations

from typing import Any, get_args

from drdoctl.core.words import DIALECT
from drdoctl.plan.types import FORMAT, Action
from drdoctl.stages import KINDS

TEXT: dict[str, Any] = {"type": "string"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
SIZE: dict[str, Any] = {"type": "number", "minimum": 0}
BASES = ("earlier", "given", "assumed")
CODES = ("done", "new", "settings", "input", "external", "version", "interrupted", "zoo", "damaged")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a plan."""
    return {
        "$schema": DIALECT,
        "title": "drdoctl plan",
        **_closed(
            "What `apply` would do. The same spec, store and data give the same bytes.",
            format={"const": FORMAT},
            spec={"type": "object", "description": "The spec, with every default filled in"},
            stages={"type": "array", "items": _stage(), "description": "Inputs before what needs them"},
            summary=_closed("How many stages have each action", **dict.fromkeys(get_args(Action), COUNT)),
            warnings={**TEXTS, "description": "What is allowed but doubtful"},
            origin=_closed("Where the plan comes from", spec=TEXT, sets=TEXTS),
            optional={
                "fit": _fit(),
                "grid": _grid(),
                "assumes": {**TEXT, "description": "The speed that seconds rest on where no earlier stage tells"},
            },
        ),
    }


def _stage() -> dict[str, Any]:
    change = _closed("One thing that moved", key=TEXT, old={}, new={})
    return _closed(
        "One stage",
        id={**TEXT, "description": "Name in this plan, such as `align[drdo]`"},
        kind={"enum": list(KINDS)},
        needs={**TEXTS, "description": "Ids of the stages whose artifacts it reads"},
        artifact={**TEXT, "description": "Folder in the store, such as `align-0be77af4c1d2`"},
        fingerprint={"type": "string", "pattern": "^[0-9a-f]{64}$"},
        action={"enum": list(get_args(Action))},
        reason=_closed(
            "Why it has its action",
            code={"enum": list(CODES)},
            text=TEXT,
            changed={"type": "array", "items": change},
        ),
        estimate=_closed(
            "What it will take, as far as sizes tell; 0: nothing, or not known",
            steps={**COUNT, "description": "Optimizer steps"},
            tokens={**COUNT, "description": "Tokens read or written"},
            flops={**SIZE, "description": "Floating-point operations, each multiply-add counted as 2"},
            seconds={"type": ["number", "null"], "description": "Null where nothing gives a basis"},
            memory_gib={**SIZE, "description": "Memory of one process, GiB"},
            disk_gib={**SIZE, "description": "Size of the artifact, GiB"},
            memory={
                "type": "object",
                "additionalProperties": SIZE,
                "description": "Memory of one process at its peak by what it is for, GiB; empty where nothing is known",
            },
            basis={"enum": [*BASES, None], "description": "What the seconds rest on"},
            optional={
                "cost": {**SIZE, "description": "Money: for the hours and for a judge, where each has a price"},
                "judge": _closed(
                    "What a language model is asked, but for what the store has already",
                    models={**TEXTS, "description": "Their names"},
                    requests={**COUNT, "description": "Two for each prompt, baseline and temperature"},
                    tokens_in={**COUNT, "description": "Of the questions"},
                    tokens_out={**COUNT, "description": "Of the answers"},
                    optional={"cost": {**SIZE, "description": "Money, with `price_per_million_tokens`"}},
                ),
            },
        ),
        externals={
            "type": "object",
            "additionalProperties": TEXT,
            "description": "What lies outside the store -> hash of its content, or its commit",
        },
        warnings={**TEXTS, "description": "Stamped on the figures it makes"},
        optional={
            "pairs": _pairs(),
            "done": {
                **SIZE,
                "maximum": 1,
                "description": "Of a training that goes on: share of its steps that is saved (the estimate is of all)",
            },
            "publishes": {**TEXT, "description": "Of a publish stage: the name in the zoo, `zoo/NAME[@TAG]`"},
        },
    )


def _pairs() -> dict[str, Any]:
    number: dict[str, Any] = {"type": ["number", "null"]}
    means = [
        f"{kind}_{name}" for kind in ("mean", "median") for name in ("confidence", "edit_distance", "length_ratio")
    ]
    row = _closed(
        "All rows, or what a step of the split leaves; null where nothing is known",
        after={**TEXT, "description": "`all rows`, a step's name, or `max-rows`"},
        rows=COUNT,
        flipped={**COUNT, "description": "Labels that are not the source's"},
        unlike_lengths={**number, "description": "Share of pairs of which one response is longer by 10 % or more"},
        longer_chosen={**number, "description": "Of these, the share that prefers the longer response"},
        **dict.fromkeys(means, number),
    )
    return {
        "type": "object",
        "description": "Of a data stage that is done: part -> statistics of its pairs",
        "additionalProperties": {"type": "array", "items": row},
    }


def _fit() -> dict[str, Any]:
    return _closed(
        "What does not fit into `resources.memory_gib`, and the smallest change that helps",
        memory_gib={**SIZE, "description": "What one process has"},
        stages={**TEXTS, "description": "Ids of the stages that need more, the largest first"},
        needs_gib={**SIZE, "description": "Of the largest"},
        sets={**TEXTS, "description": "Values for `--set`; where nothing fits, those that come nearest"},
        then_gib={**SIZE, "description": "What the largest stage needs with them"},
        fits={"type": "boolean", "description": "Whether that is enough"},
    )


def _grid() -> dict[str, Any]:
    maybe = {"type": ["string", "null"]}
    cell = _closed(
        "One combination",
        label=TEXT,
        seed=COUNT,
        setting={**TEXT, "description": "What combinations that differ in the seed alone share"},
        group={**maybe, "description": "What combinations that `select` compares share"},
        values={"type": "object", "description": "Key of `select.over` -> the value here"},
        student={**maybe, "description": "Id of the stage that makes it"},
        evaluation={**maybe, "description": "Id of the stage that measures it"},
    )
    choice = _closed(
        "What `select` chooses by",
        metric=TEXT,
        against=maybe,
        judge=maybe,
        temperature={"type": ["number", "null"]},
        goal={"enum": ["max", "min"]},
        over={**TEXTS, "description": "What is chosen"},
    )
    return _closed(
        "The matrix, where the spec has one",
        axes={"type": "object", "additionalProperties": TEXTS, "description": "Dotted key -> its values in short"},
        students={"type": "array", "items": cell, "description": "The first axis slowest"},
        select={"anyOf": [choice, {"type": "null"}]},
    )


def _closed(description: str, *, optional: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    """Return the schema of a mapping with exactly these keys, and perhaps the optional ones."""
    return {
        "type": "object",
        "description": description,
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }
