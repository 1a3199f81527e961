"""What finished data tell of stages that come much later: an evaluation without prompts fails before the training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drdoctl.core.architectures import limit_of
from drdoctl.core.errors import UserError
from drdoctl.core.fingerprint import digest
from drdoctl.data._instructions import read_instructions
from drdoctl.engine.stage import is_there
from drdoctl.evals import OF, Eval, parse
from drdoctl.evals._enough import require_prompts, require_references
from drdoctl.evals._room import require_room
from drdoctl.plan.types import PlannedStage
from drdoctl.stages import Want
from drdoctl.stages.evaluate import FRACTION
from drdoctl.store.artifact import Store

STUDENT = "student_prompt"
Prompts = Mapping[str, list[Any]]
"""The columns `prompt` and `reference` of the evaluation prompts, and the prompts' `tokens`, where they are told."""


def lacking(stages: Sequence[PlannedStage], data: Want, store: Store) -> Iterator[tuple[PlannedStage, UserError]]:
    """Yield the evaluations of students that will fail with finished data, and why, as far as one knows."""
    read = [stage for stage in stages if data.kind == "data" and _reads(stage.want, data)]
    ahead = [stage for stage in read if not is_there(store, stage.want)]
    prompts = _prompts(store, data) if ahead else None
    if prompts is None:
        return
    faults: dict[str, UserError | None] = {}  # hundreds of students are evaluated alike
    for stage in ahead:
        mark = digest([stage.want.settings["evaluate"], stage.want.settings.get(FRACTION)])
        if mark not in faults:
            faults[mark] = _fault(stage.want, prompts)
        if (error := faults[mark]) is not None:
            yield stage, error


def _reads(want: Want, data: Want) -> bool:
    of_student = want.kind == "evaluate" and OF not in want.settings
    return of_student and "data" in want.inputs and want.inputs["data"].fingerprint == data.fingerprint


def _prompts(store: Store, data: Want) -> Prompts | None:
    """Return the prompts; None where they are damaged: whoever works with them says so."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(store.path(data.artifact) / "prompts.parquet")
        names = [name for name in ("prompt", "reference", STUDENT) if name in file.schema_arrow.names]
        table = file.read(columns=names)
        found = {name: table.column(name).to_pylist() for name in ("prompt", "reference")}
    except (OSError, ValueError, KeyError):
        return None
    return {**found, "tokens": pc.list_value_length(table.column(STUDENT)).to_pylist() if STUDENT in names else []}


def _fault(want: Want, prompts: Prompts) -> UserError | None:
    parts = parse(want.settings["evaluate"], lambda key: str(want.locations[key]))
    try:
        if any(part.samplings() for part in parts):
            require_prompts(parts, prompts["prompt"], want.settings.get(FRACTION))
            require_references(parts, prompts["reference"])
        _require_room(want, parts, prompts["tokens"])
    except UserError as error:
        return error
    return None


def _require_room(want: Want, parts: Sequence[Eval], tokens: Sequence[int]) -> None:
    """Raise UserError where the student, as the plan knows it, has no positions for a prompt and its response."""
    config = (want.sizes.get("model") or {}).get("config")
    limit = limit_of(config, sampling=True) if isinstance(config, Mapping) else None
    for part in parts if limit is not None else ():
        for sampling in part.samplings():
            longest = max(tokens[: sampling.prompts], default=0)
            require_room(limit, longest, sampling.max_new_tokens, of_data=True, name=part.name)
        asked = part.instructed()
        if asked is not None:  # some instruction must have an answer; a word has a token at least
            instructions = read_instructions(part.files()["instructions"])[: asked.prompts]
            shortest = min((len(one.text.split()) for one in instructions), default=1)
            require_room(limit, shortest, asked.max_new_tokens, of_data=False, name=part.name)
