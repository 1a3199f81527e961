"""Students of a small matrix as a report has them, and the plan that they are of: no files behind either."""

from __future__ import annotations

from types import SimpleNamespace

from drdoctl.plan.types import Cell, Grid
from drdoctl.report.rows import FigureRow, StudentRow
from drdoctl.spec.choice import Choice

CHOICE = Choice("truth.reward", None, "truth", 0.7, "max")
RATES = (0.1, 0.2)


def figure(value, part=None, metric="truth.reward", at=0.7, warnings=()):
    """Return a figure."""
    interval = {"low": None, "high": None} if value is None else {"low": value - 1, "high": value + 1}
    about = {"unit": "reward", "against": None, "judge": "truth", "temperature": at, "count": 9}
    return FigureRow(metric=metric, value=value, **interval, **about, warnings=list(warnings), part=part)


def label(method, rate, seed):
    """Return the label of a combination."""
    return f"{method},rate={rate},seed={seed}"


def grid(methods=("dpo", "ipo"), seeds=(0, 1), choice=CHOICE):
    """Return the grid of methods, two rates and seeds."""
    cells = [
        Cell(
            label(method, rate, seed),
            seed,
            f"{method},rate={rate}",
            method if choice else None,
            {"rate": rate},
            f"align[{label(method, rate, seed)}]",
            f"evaluate[{label(method, rate, seed)}]",
        )
        for method in methods
        for rate in RATES
        for seed in seeds
    ]
    return Grid({"method": list(methods)}, tuple(cells), choice, ("rate",) if choice else ())


def plan(made):
    """Return a plan with an evaluation of each cell, and of a start model for each seed."""
    stages = [
        SimpleNamespace(want=SimpleNamespace(id=cell.evaluation, label=cell.label, asked_by=(cell.label,)))
        for cell in made.cells
    ]
    for seed in dict.fromkeys(cell.seed for cell in made.cells):
        asked = tuple(cell.label for cell in made.cells if cell.seed == seed)
        name = f"sft,seed={seed}"
        stages.append(SimpleNamespace(want=SimpleNamespace(id=f"evaluate[{name}]", label=name, asked_by=asked)))
    return SimpleNamespace(grid=made, stages=stages)


def student(name, *figures):
    """Return a student."""
    return StudentRow(label=name, stage=f"evaluate[{name}]", policy=None, figures=list(figures), warnings=[])


def students(validation, test=None):
    """Return students from {(method, rate, seed): value} on validation prompts, and on test prompts."""
    return [
        student(label(*key), figure((test or {}).get(key, 0.0), "test"), figure(value, "validation"))
        for key, value in validation.items()
    ]
