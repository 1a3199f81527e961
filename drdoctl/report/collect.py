"""From a plan and its store to a `Report`: reads finished artifacts, compares and sums up, measures nothing anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drdoctl.core.distinct import distinct
from drdoctl.core.files import read_json
from drdoctl.core.metrics import read_metrics
from drdoctl.core.words import REFERENCE, STAMPS
from drdoctl.doctor.case import TRAINING
from drdoctl.doctor.examine import examine
from drdoctl.report.answer import answer, question
from drdoctl.report.clouds import clouds
from drdoctl.report.curves import Lines, curves, figure4
from drdoctl.report.generations import generations, prompts_mark
from drdoctl.report.head_to_head import head_to_head
from drdoctl.report.headline import headline
from drdoctl.report.intact import check_intact
from drdoctl.report.judges import apart, judge_columns, judged_by
from drdoctl.report.lengths import lengths
from drdoctl.report.model import Curves, Panel, Report, SourceRow
from drdoctl.report.oracles import is_about_oracle, oracle_rows
from drdoctl.report.rows import FigureRow, StudentRow
from drdoctl.report.samples import Way, read_samples
from drdoctl.report.seeds import differences_over_seeds, members, over_seeds, several_seeds
from drdoctl.report.selection import selection
from drdoctl.report.stages import StageRow, stage_row, total
from drdoctl.report.ways import headline_way, is_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from drdoctl.plan.types import Plan, PlannedStage
    from drdoctl.store.artifact import Store


def collect(store: Store, plan: Plan) -> dict[str, Any]:
    """Return the report (format 1) of the plan's finished artifacts; the others are named in `missing`.

    Raises `IntegrityError` where a file that it reads, or a manifest, is not as it was committed.
    """
    stages = _stage_rows(store, plan)
    done = {row.id for row in stages if row.done}
    check_intact(store, [row.artifact for row in stages])
    measured = [stage for stage in plan.stages if stage.want.kind == "evaluate" and stage.want.id in done]
    evaluated = [stage for stage in measured if not is_about_oracle(stage)]
    evaluated.sort(key=lambda stage: not is_start(stage.want.label))
    judges, seed = judge_columns(plan.spec), int(plan.spec.get("seed", 0))
    students = [_student(store, stage, judges) for stage in evaluated]
    folders = {stage.want.label: store.path(stage.want.artifact) for stage in evaluated}
    sampled = {label: read_samples(folder) for label, folder in folders.items()}
    # the last one has the pairs that a student learns from; before it may stand one with all pairs
    data = next((store.path(row.artifact) for row in reversed(stages) if row.kind == "data" and row.done), None)
    way = headline_way((way, rows.temperature) for each in sampled.values() for way, rows in each.items())
    groups = _groups(sampled, way)
    findings = examine(store, [stage.as_dict() for stage in plan.stages])["findings"]
    settings, asked, logs = members(plan, students), _prompts(store, evaluated), _logs(store, stages)
    aligned = {label: ways for label, ways in sampled.items() if not is_start(label)}
    seeds, stamped = several_seeds(plan), _stamps(students)
    marks = {row.label: row.judged_by for row in students}
    differences = head_to_head(aligned, judges, seed, seeds=seeds, prompts=asked, stamps=stamped, marks=marks)
    # ids may be the same where the prompts are not: a generated world's of another seed
    same = {label: ways for label, ways in sampled.items() if asked.get(label) == next(iter(asked.values()), None)}
    report = Report(
        format=1,
        name=str(plan.spec.get("name", "")),
        spec=plan.spec,
        source=SourceRow(file=str(plan.origin.get("spec", "")), sets=list(plan.origin.get("sets", ())), text=plan.text),
        question="",
        answer=[],
        warnings=[*_warnings(plan, stages, students), *apart(aligned, judges, marks, seeds, asked)],
        missing=[row.id for row in stages if not row.done and row.kind != "publish"],
        students=students,
        differences=differences,
        over_seeds=over_seeds(settings),
        differences_over_seeds=differences_over_seeds(settings, differences),
        selection=selection(plan.grid, students),
        curves=_logged(logs, findings),
        figure4=_figure4(logs, stages, students),
        findings=findings,
        clouds=clouds(folders, groups, judges, seed),
        lengths=lengths(groups, judges, seed),
        generations=generations(_groups(same, way), data, way, judges),
        data=dict(read_json(data / "report.json") or {}) if data else {},
        pairs={
            stage.want.id: {part: [dict(row) for row in rows] for part, rows in stage.pairs.items()}
            for stage in plan.stages
            if stage.pairs
        },
        oracles=oracle_rows(store, [stage for stage in measured if is_about_oracle(stage)]),
        stages=stages,
        total=total(stages),
    )
    document = report.model_dump(mode="json")
    shown = headline(document)
    return document | {"question": question(shown), "answer": answer(shown)}


def _stage_rows(store: Store, plan: Plan) -> list[StageRow]:
    price = (plan.spec.get("resources") or {}).get("price_per_hour")
    return [stage_row(store, stage, price) for stage in plan.stages]


def _warnings(plan: Plan, stages: Iterable[StageRow], students: Sequence[StudentRow]) -> list[str]:
    """Return what the plan, its stages and the figures are stamped with, each once.

    A doubt that is of one student's figures alone begins with its label; stamps stay as they are.
    """
    found = [*plan.warnings]
    found += [text for row in stages for text in row.warnings]
    found += [text for row in students for text in row.warnings]
    whose: dict[str, set[str]] = {}
    for row in students:
        for text in (text for figure in row.figures for text in figure.warnings):
            whose.setdefault(text, set()).add(row.label)
    for text, labels in whose.items():
        alone = len(labels) == 1 < len(students) and text not in (*STAMPS, *found)
        found.append(f"{next(iter(labels))}: {text}" if alone else text)
    return list(dict.fromkeys(found))


def _groups(read: Mapping[str, Mapping[str, Way]], way: str | None) -> dict[str, Way]:
    """Return the responses of one way of sampling by student, the reference's logged ones first."""
    reference = next((ways[REFERENCE] for ways in read.values() if REFERENCE in ways), None)
    found = {label: ways[way] for label, ways in read.items() if way is not None and way in ways}
    return {REFERENCE: reference, **found} if reference is not None else found


def _logs(store: Store, stages: Iterable[StageRow]) -> dict[str, Lines]:
    """Return stage id -> its log, of every finished stage that trains."""
    trained = [row for row in stages if row.done and row.kind in TRAINING]
    return {row.id: read_metrics(store.path(row.artifact) / "metrics.jsonl") for row in trained}


def _logged(logs: Mapping[str, Lines], findings: Sequence[Mapping[str, Any]]) -> list[Curves]:
    """Return the curves of every training stage, with what the doctor says of it."""
    found = []
    for stage, lines in logs.items():
        said = [f"{one['message']}; {one['advice']}" for one in findings if one["stage"] == stage]
        made = curves(lines, stage, said)
        found += [made] if made is not None else []
    return found


def _figure4(logs: Mapping[str, Lines], stages: Iterable[StageRow], students: Iterable[StudentRow]) -> list[Panel]:
    """Return the panels of the aligned students, each by the label of its evaluation."""
    policies = {row.policy: row for row in students}
    aligned = {
        policies[row.id].label if row.id in policies else row.id: logs[row.id]
        for row in stages
        if row.id in logs and row.kind == "align"
    }
    return figure4(aligned, {row.label: row.figures for row in policies.values()})


def _student(store: Store, stage: PlannedStage, judges: Mapping[str, str]) -> StudentRow:
    want = stage.want
    document = read_json(store.path(want.artifact) / "figures.json") or {}
    policy = want.inputs.get("policy")
    return StudentRow(
        label=want.label,
        stage=want.id,
        policy=policy.id if policy else None,
        figures=[FigureRow(**figure) for figure in distinct(document.get("figures", []))],
        warnings=list(document.get("warnings", ())),
        judged_by=judged_by(store, want, judges),
    )


def _stamps(students: Iterable[StudentRow]) -> dict[tuple[str, str], list[str]]:
    """Return (label, judge) -> the warnings of the figures by that judge."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in students:
        for figure in row.figures:
            if figure.judge is not None:
                found.setdefault((row.label, figure.judge), []).extend(figure.warnings)
    return found


def _prompts(store: Store, evaluated: Iterable[PlannedStage]) -> dict[str, str]:
    """Return the label of an evaluation -> a mark of the prompts that it asked."""
    data = {stage.want.label: store.path(stage.want.inputs["data"].artifact) for stage in evaluated}
    marks = {folder: prompts_mark(folder) for folder in dict.fromkeys(data.values()) if folder.is_dir()}
    return {label: marks[folder] for label, folder in data.items() if folder in marks}
