"""What stands in a report's main tables: test figures of the students that were picked, one row for all their seeds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from drdoctl.core.significance import holm_within
from drdoctl.core.words import REFERENCE, VALIDATION


def headline(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report as its main tables show it.

    Without `select` and with one seed, all is as it was. A row over seeds has the mean as its value, the t-interval
    over seeds as its interval, and `sd`; its count is that of the seeds. What is shown of single students, such as
    their responses, is of the first seed.
    """
    picked = {row["picked"] for row in report["selection"]}
    losing = {
        label
        for group in report["selection"]
        for row in group["candidates"]
        for label in (row["setting"], *row["students"])
        if row["setting"] not in picked
    }
    students, merged = [], {label: row for row in report["over_seeds"] for label in row["students"]}
    marks = {student["label"]: student.get("judged_by", {}) for student in report["students"]}
    shown: set[str] = set()
    for student in report["students"]:
        row = merged.get(student["label"])
        label = row["label"] if row else student["label"]
        if label in losing or label in shown:
            continue
        shown.add(label)
        figures = [_figure(figure) for figure in row["figures"]] if row else student["figures"]
        tested = [figure for figure in figures if figure["part"] != VALIDATION]
        judged_by = _models([marks.get(one, {}) for one in row["students"]]) if row else marks[student["label"]]
        students.append({**student, "label": label, "figures": tested, "judged_by": judged_by})
    differences = report["differences_over_seeds"] or report["differences"]
    kept = [row for row in differences if not {row["first"], row["second"]} & losing]
    counted = [{"count": len(row["seeds"]), **row} if "seeds" in row else row for row in kept]
    if losing:
        counted = _adjusted(counted)
    alone = {label for label in shown if label not in merged} | {
        row["students"][0] for row in report["over_seeds"] if row["label"] in shown
    }
    return {**report, "students": students, "differences": counted, **_of(report, {REFERENCE, *alone})}


def _models(marks: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return judge -> the marks of all seeds' models together: each seed may have an oracle of its own."""
    judges = dict.fromkeys(judge for one in marks for judge in one)
    return {judge: " ".join(dict.fromkeys(one.get(judge, "") for one in marks)) for judge in judges}


def of_first_seed(report: Mapping[str, Any]) -> str:
    """Return the sentence below what is shown of single students; "" where there is one seed."""
    return " Of each setting its first seed is shown; `report --json` has all." if report["over_seeds"] else ""


def _adjusted(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return differences with p-values adjusted for the pairs that are left: others were ruled out on other prompts."""
    known = [row for row in rows if "p_holm" in row]
    adjusted = holm_within([row["p"] for row in known], [(row["judge"], row["sampling"], row["seed"]) for row in known])
    found = iter(adjusted)
    return [{**row, "p_holm": next(found)} if "p_holm" in row else dict(row) for row in rows]


def _of(report: Mapping[str, Any], labels: Collection[str]) -> dict[str, Any]:
    """Return what is shown of single students, of these labels alone."""
    return {
        "lengths": [row for row in report["lengths"] if row["student"] in labels],
        "clouds": [row for row in report["clouds"] if row["student"] in labels],
        "generations": [
            {**shown, "responses": [row for row in shown["responses"] if row["student"] in labels]}
            for shown in report["generations"]
        ],
    }


def _figure(figure: Mapping[str, Any]) -> dict[str, Any]:
    return {**figure, "value": figure["mean"], "p": None}
