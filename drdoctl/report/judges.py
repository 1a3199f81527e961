"""Who judges in a report: the truth, the oracle, and the judges that the spec names; and which model that was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from drdoctl.core.fingerprint import digest
from drdoctl.core.words import ORACLE, REFERENCE, SFT, TRUTH

if TYPE_CHECKING:
    from drdoctl.report.samples import Way
    from drdoctl.stages import Want
    from drdoctl.store.artifact import Store

BASELINES = (SFT, REFERENCE)
WEIGHTS = ".safetensors"
ABOUT = "(docs/evaluation.md#judges)"


def judge_columns(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return judge -> its column in `samples.parquet`, for every judge that a plain spec may have."""
    return {TRUTH: "truth.reward", ORACLE: ORACLE, **{name: name for name in spec.get("judges") or {}}}


def judgements(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (judge, against) in the order of a table: judges that taught nobody stand before the oracle."""
    names = [*(spec.get("judges") or {}), ORACLE, TRUTH]
    return [(judge, against) for judge in names for against in BASELINES]


def judged_by(store: Store, want: Want, names: Mapping[str, str]) -> dict[str, str]:
    """Return judge -> a mark of the model that judged an evaluation; of two evaluations a name may mean two models.

    Equal weights, read with equal arithmetic, are one model, whatever made them. The truth has no mark: it is one.
    """
    found = {}
    for judge in names:
        model = want.judge(judge)
        if model is not None:
            made, *rest = model
            found[judge] = digest([_weights(store, made.artifact) if made is not None else None, *rest])
    return found


def _weights(store: Store, artifact: str) -> list[Any]:
    """Return what tells a model's weights from others: their hashes by file, else the artifact's name."""
    files = (store.manifest(artifact) or {}).get("files", {})
    return sorted([name, about["sha256"]] for name, about in files.items() if name.endswith(WEIGHTS)) or [artifact]


def apart(
    sampled: Mapping[str, Mapping[str, Way]],
    columns: Mapping[str, str],
    marks: Mapping[str, Mapping[str, str]],
    seeds: Mapping[str, int],
    prompts: Mapping[str, str],
) -> list[str]:
    """Return a warning for each judge that was several models for students that could be compared but for that.

    `sampled`: label -> way -> responses. `columns`: judge -> its column. `marks`: label -> judge -> the model's mark.
    `seeds`, `prompts`: label -> what students that are compared share.
    """
    found = []
    for judge, column in columns.items():
        models: dict[object, set[str | None]] = {}
        for label, ways in sampled.items():
            if any(way != REFERENCE and rows.numbers(column) is not None for way, rows in ways.items()):
                models.setdefault((seeds.get(label), prompts.get(label)), set()).add(marks.get(label, {}).get(judge))
        most = max(map(len, models.values()), default=0)
        if most > 1:
            found.append(
                f"judge `{judge}` is {most} models here, whose rewards and win rates have scales of their own: "
                f"students that one of them judged are not compared with those of another; {_remedy(judge)}"
            )
    return found


def _remedy(judge: str) -> str:
    if judge == ORACLE:
        return f"name one judge for all under `judges:` {ABOUT}"
    return f"give `judges.{judge}` a `model` that is the same for all, such as a finished reward model {ABOUT}"
