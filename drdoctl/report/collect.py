"""From a plan and its store to a `Report`: reads finished artifacts, computes nothing but paired differences."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any

from drdoctl.core.files import read_json
from drdoctl.doctor.examine import examine
from drdoctl.report.curves import curves, figure4
from drdoctl.report.judges import judge_columns
from drdoctl.report.model import (
    Difference,
    FigureRow,
    Generation,
    Report,
    ResponseRow,
    StudentRow,
)
from drdoctl.report.stages import stage_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import numpy as np

    from drdoctl.plan.types import Plan, PlannedStage
    from drdoctl.store.artifact import Store

PROMPTS = 8
"""Prompts shown with every student's response."""
SFT, REFERENCE = "sft", "reference"
TRAINED = ("sft", "oracle", "align")


class Sampled:
    """The rows of one evaluate artifact's `samples.parquet`, by way of sampling."""

    def __init__(self, folder: Path) -> None:
        """Read the file; an evaluation without samples has none."""
        import pyarrow.parquet as pq

        path = folder / "samples.parquet"
        rows = pq.read_table(path).to_pylist() if path.exists() else []
        self.ways: dict[str, dict[str, dict[str, Any]]] = {}
        for row in rows:
            self.ways.setdefault(row["sampling"], {})[row["id"]] = row

    def temperature(self, way: str) -> float | None:
        """Return a way's temperature."""
        return next((row["temperature"] for row in self.ways[way].values()), None)


def collect(store: Store, plan: Plan) -> dict[str, Any]:
    """Return the report (format 1) of the plan's finished artifacts; the others are named in `missing`."""
    price = (plan.spec.get("resources") or {}).get("price_per_hour")
    stages = [stage_row(store, stage, price) for stage in plan.stages]
    done = {row.id for row in stages if row.done}
    evaluated = [stage for stage in plan.stages if stage.want.kind == "evaluate" and stage.want.id in done]
    evaluated.sort(key=lambda stage: not is_start(stage.want.label))
    students = [_student(store, stage) for stage in evaluated]
    sampled = {stage.want.label: Sampled(store.path(stage.want.artifact)) for stage in evaluated}
    data = next((store.path(row.artifact) for row in stages if row.kind == "data" and row.done), None)
    findings = examine(store, [stage.as_dict() for stage in plan.stages])["findings"]
    said = {
        row.id: [f"{one['message']}; {one['advice']}" for one in findings if one["stage"] == row.id] for row in stages
    }
    logged = [
        curves(store.path(row.artifact), row.id, said[row.id]) for row in stages if row.done and row.kind in TRAINED
    ]
    policies = {row.policy: row for row in students}
    aligned = {
        policies[row.id].label if row.id in policies else row.id: store.path(row.artifact)
        for row in stages
        if row.done and row.kind == "align"
    }
    stamps = [*plan.warnings]
    stamps += [text for row in stages for text in row.warnings]
    stamps += [text for row in students for text in row.warnings]
    stamps += [text for row in students for figure in row.figures for text in figure.warnings]
    report = Report(
        format=1,
        name=str(plan.spec.get("name", "")),
        spec=plan.spec,
        warnings=list(dict.fromkeys(stamps)),
        missing=[row.id for row in stages if not row.done and row.kind != "publish"],
        students=students,
        differences=list(_differences(sampled, judge_columns(plan.spec), int(plan.spec.get("seed", 0)))),
        curves=[curve for curve in logged if curve is not None],
        figure4=figure4(aligned, {row.label: row.figures for row in students}),
        findings=findings,
        generations=_generations(sampled, data, judge_columns(plan.spec)),
        data=dict(read_json(data / "report.json") or {}) if data else {},
        stages=stages,
    )
    return report.model_dump(mode="json")


def _student(store: Store, stage: PlannedStage) -> StudentRow:
    want = stage.want
    document = read_json(store.path(want.artifact) / "figures.json") or {}
    policy = want.inputs.get("policy")
    return StudentRow(
        label=want.label,
        stage=want.id,
        policy=policy.id if policy else None,
        figures=[FigureRow(**figure) for figure in document.get("figures", ())],
        warnings=list(document.get("warnings", ())),
    )


def _differences(sampled: dict[str, Sampled], judges: Mapping[str, str], seed: int) -> Iterable[Difference]:
    """Yield each pair of aligned students, on each way of sampling that both have, by each judge that scored both."""
    import numpy as np

    labels = [label for label in sampled if not is_start(label)]
    for first, second in combinations(labels, 2):
        ways = [way for way in sampled[first].ways if way in sampled[second].ways and way != REFERENCE]
        for way in ways:
            ours, theirs = sampled[first].ways[way], sampled[second].ways[way]
            shared = [name for name in ours if name in theirs]
            for judge, column in judges.items():
                pairs = [(ours[name].get(column), theirs[name].get(column)) for name in shared]
                table = np.array([pair for pair in pairs if None not in pair], dtype=np.float64).reshape(-1, 2)
                difference = table[:, 0] - table[:, 1]
                difference = difference[np.isfinite(difference)]
                if len(difference):
                    yield _difference(first, second, judge, way, sampled[first].temperature(way), difference, seed)


def _difference(
    first: str, second: str, judge: str, way: str, temperature: float | None, values: np.ndarray, seed: int
) -> Difference:
    import numpy as np

    from drdoctl.evals._bootstrap import interval

    wins = (np.sign(values) + 1) / 2
    low, high = interval(values, seed) or (None, None)
    win_low, win_high = interval(wins, seed) or (None, None)
    return Difference(
        first=first,
        second=second,
        judge=judge,
        sampling=way,
        temperature=temperature,
        mean=float(values.mean()),
        low=low,
        high=high,
        win_rate=float(wins.mean()),
        win_low=win_low,
        win_high=win_high,
        count=len(values),
    )


def _mean(values: Iterable[Any]) -> float | None:
    finite = [float(value) for value in values if isinstance(value, int | float) and math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None


def is_start(label: str) -> bool:
    """Whether a label is a start model's: `sft`, or `sft,seed=1` where a matrix has several."""
    return label.partition(",")[0] == SFT


def headline_way(sampled: Iterable[tuple[str, float | None]]) -> str | None:
    """Return the way of sampling that stands for all: temperature 0.7, else the middle one above 0, else greedy."""
    ways = dict.fromkeys((way, temperature) for way, temperature in sampled if temperature is not None)
    warm = sorted((temperature, way) for way, temperature in ways if temperature)
    usual = next((way for temperature, way in warm if temperature == 0.7), None)
    return usual or (warm[len(warm) // 2][1] if warm else next((way for way, _ in ways), None))


def _generations(sampled: dict[str, Sampled], data: Path | None, judges: Mapping[str, str]) -> list[Generation]:
    way = headline_way((way, each.temperature(way)) for each in sampled.values() for way in each.ways)
    if data is None or way is None:
        return []
    import pyarrow.parquet as pq

    table = pq.read_table(data / "prompts.parquet", columns=["id", "prompt"]).to_pylist()
    groups = {label: each.ways[way] for label, each in sampled.items() if way in each.ways}
    logged = next((each.ways[REFERENCE] for each in sampled.values() if REFERENCE in each.ways), {})
    groups = {REFERENCE: logged, **groups} if logged else groups
    shown = [row for row in table if all(row["id"] in group for group in groups.values())]
    picked = [shown[index * len(shown) // PROMPTS] for index in range(PROMPTS)] if len(shown) > PROMPTS else shown
    return [
        Generation(
            id=row["id"],
            prompt=row["prompt"],
            sampling=way,
            responses=[_response(label, group[row["id"]], judges) for label, group in groups.items()],
        )
        for row in picked
    ]


def _response(label: str, row: dict[str, Any], judges: Mapping[str, str]) -> ResponseRow:
    scores = {name: row[name] for name in row if name in judges or name.startswith("truth.")}
    return ResponseRow(
        student=label,
        text=row["response"],
        tokens=row["tokens"],
        ended=row["ended"],
        scores={name: _mean([value]) for name, value in scores.items()},
    )
