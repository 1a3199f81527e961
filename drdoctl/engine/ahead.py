"""What finished data tell of stages that come much later: an evaluation without prompts fails before the training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drdoctl.core.errors import UserError
from drdoctl.engine.stage import is_there
from drdoctl.evals import OF, evals
from drdoctl.evals._enough import require_prompts, require_references
from drdoctl.plan.types import PlannedStage
from drdoctl.stages import Want
from drdoctl.stages.evaluate import FRACTION
from drdoctl.store.artifact import Store


def lacking(stages: Sequence[PlannedStage], data: Want, store: Store) -> Iterator[tuple[PlannedStage, UserError]]:
    """Yield the evaluations of students that will fail with finished data, and why, as far as one knows."""
    read = [stage for stage in stages if data.kind == "data" and _reads(stage.want, data)]
    for stage in read:
        if not is_there(store, stage.want) and (error := _fault(stage.want, data, store)) is not None:
            yield stage, error


def _reads(want: Want, data: Want) -> bool:
    of_student = want.kind == "evaluate" and OF not in want.settings
    return of_student and "data" in want.inputs and want.inputs["data"].fingerprint == data.fingerprint


def _fault(want: Want, data: Want, store: Store) -> UserError | None:
    known = evals()
    parts = [known[plain["name"]].model_validate(plain) for plain in want.settings["evaluate"]]
    files = [
        {name: str(want.locations[f"evaluate.{at}.{name}"]) for name in one.files()} for at, one in enumerate(parts)
    ]
    parts = [one.model_copy(update=found) for one, found in zip(parts, files, strict=True)]
    if not any(part.samplings() for part in parts):
        return None
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(store.path(data.artifact) / "prompts.parquet", columns=["prompt", "reference"])
        prompts, references = table.column("prompt").to_pylist(), table.column("reference").to_pylist()
    except (OSError, ValueError, KeyError):  # damaged: whoever works with it says so
        return None
    try:
        require_prompts(parts, prompts, want.settings.get(FRACTION))
        require_references(parts, references)
    except UserError as error:
        return error
    return None
