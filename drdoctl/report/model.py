"""The report as data: what `report --json` prints and what the tables and the HTML file are made from."""

from __future__ import annotations

from typing import Any, Literal

from drdoctl.core.parts import Model
from drdoctl.core.words import DIALECT
from drdoctl.doctor.model import FindingRow
from drdoctl.report.clouds import Cloud
from drdoctl.report.head_to_head import Difference
from drdoctl.report.lengths import LengthRow
from drdoctl.report.rows import FigureRow, StudentRow
from drdoctl.report.seeds import SeedDifference, SettingRow
from drdoctl.report.selection import GroupRow
from drdoctl.report.stages import StageRow, TotalRow


class Curves(Model):
    """What a training stage logged, as means over `every` steps."""

    stage: str
    """Stage id."""
    every: int
    """Steps in one point."""
    step: list[int]
    """Last step of each point."""
    series: dict[str, list[float | None]]
    """Metric -> its means; null where it was not logged or not finite."""
    diagnosis: list[str]
    """What is doubtful about the stage, in sentences; `findings` has them with their evidence."""


class Panel(Model):
    """One of the four panels of Figure 4: a metric over the training steps of every student, on the same steps."""

    metric: str
    """`implicit_accuracy`, `oracle_advantage`, `chosen_logp` or `rejected_logp`."""
    title: str
    """What the panel is called."""
    unit: str
    """`share`, `reward` or `nats`."""
    about: str
    """What exactly is plotted, and what `measured` is."""
    step: list[int]
    """Last step of each point, the same for all students."""
    series: dict[str, list[float | None]]
    """Student's label -> its means; null after the end of a shorter training. Without the students that lack it."""
    measured: dict[str, FigureRow]
    """Student's label -> what its evaluation measured at the end of training, where it did."""


class ResponseRow(Model):
    """One student's response to a prompt."""

    student: str
    """Label, or `reference` for the logged response."""
    text: str
    """As sampled."""
    tokens: int
    """End token included."""
    ended: bool
    """Whether it ended before the limit."""
    scores: dict[str, float | None]
    """`oracle`, `truth.reward` …"""


class Generation(Model):
    """One prompt with every student's response."""

    id: str
    """The prompt's id."""
    prompt: str
    """As rendered for the student."""
    sampling: str
    """How the responses were sampled."""
    responses: list[ResponseRow]
    """The reference first, where there is one."""


class SourceRow(Model):
    """The spec as its author wrote it."""

    file: str
    """Name of the file."""
    sets: list[str]
    """`--set` values."""
    text: str
    """The file's text; "" where the plan was made without one."""


class OracleRow(Model):
    """One reward model (or an ensemble) and its quality on labelled pairs."""

    label: str
    """`oracle`, `members`, or a judge's name."""
    stage: str
    """The evaluate stage's id."""
    figures: list[FigureRow]
    """Such as `accuracy` and `calibration_error`, for all pairs and for groups of them."""


class Report(Model):
    """Everything that is known about one spec's results."""

    format: Literal[1]
    """Version of this document."""
    name: str
    """The spec's name."""
    spec: dict[str, Any]
    """The resolved spec."""
    source: SourceRow
    """The spec as it was written, to repeat it from."""
    question: str
    """What the spec asked, as a sentence."""
    answer: list[str]
    """What came out, in two or three sentences made from the figures."""
    warnings: list[str]
    """All stamps and warnings, each once."""
    missing: list[str]
    """Stages of the plan without an artifact: what rests on them is not in the report."""
    students: list[StudentRow]
    """`sft` first."""
    differences: list[Difference]
    """Each pair of aligned students; of one seed, where the matrix has several."""
    over_seeds: list[SettingRow]
    """Students that differ in the seed alone, together; [] where there is one seed."""
    differences_over_seeds: list[SeedDifference]
    """Each pair of these; [] where there is one seed."""
    selection: list[GroupRow]
    """What `select` picked, and by what; [] without it."""
    curves: list[Curves]
    """One for each training stage."""
    figure4: list[Panel]
    """All aligned students' curves side by side, as in the paper's Figure 4; [] without any."""
    findings: list[FindingRow]
    """What `drdoctl doctor` sees in the stages, in their order."""
    clouds: list[Cloud]
    """Points of one reward against another, student by student."""
    lengths: list[LengthRow]
    """Length and reward of each student's responses, and of the reference's."""
    generations: list[Generation]
    """A few prompts, evenly spaced."""
    data: dict[str, Any]
    """The data stage's own report: what was read, kept and dropped; of several stages the last one's."""
    pairs: dict[str, dict[str, list[dict[str, Any]]]]
    """Id of each finished data stage -> part -> statistics of its pairs, for all rows and after each step of the split:
    `after`, `rows`, means and medians of confidence, edit distance and length ratio, `longer_chosen`, `flipped`."""
    oracles: list[OracleRow]
    """The quality of the reward models, where an eval measured it."""
    stages: list[StageRow]
    """Inputs first."""
    total: TotalRow
    """All finished stages together."""


def schema() -> dict[str, Any]:
    """Return the report's JSON Schema."""
    made = Report.model_json_schema(mode="serialization")
    return {"$schema": DIALECT, **made, "title": "drdoctl report"}
