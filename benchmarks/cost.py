"""Plans before, measures after: estimated memory and time of whole pipelines against what they took.

`python -m benchmarks.cost --work DIR` runs the calibrating cases first, then plans all others (so that their times rest
on the first ones alone), then runs those, and appends a JSON line for each stage to `DIR/cost.jsonl`. With `--table`
it only prints the table of what is there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cost_world import CASES, Case, make

RECORDS = "cost.jsonl"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "cost.md"
BEGIN, END = "<!-- cost: begin -->", "<!-- cost: end -->"
FACTS = ("steps", "tokens", "flops", "seconds", "basis", "memory_gib", "memory")


def drdoctl(verb: str, spec: Path, store: Path, case: Case, *options: str) -> str:
    """Run a command on a case and return its output."""
    command = [sys.executable, "-m", "drdoctl", verb, str(spec), "--store", str(store), *case.sets(), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


def plan(spec: Path, store: Path, case: Case) -> list[dict[str, Any]]:
    """Return the stages of the case's plan, each with its estimate."""
    return list(json.loads(drdoctl("plan", spec, store, case, "--json"))["stages"])


def record(case: Case, round_: int, stage: dict[str, Any], store: Path) -> dict[str, Any]:
    """Return what was estimated of a stage and what it took."""
    manifest = json.loads((store / "artifacts" / stage["artifact"] / "manifest.json").read_text(encoding="utf-8"))
    taken = {name: manifest["metrics"].get(name) for name in ("peak_gib", "cpu_seconds", "nominal_seconds")}
    estimate = {name: stage["estimate"].get(name) for name in FACTS}
    return {
        "case": case.name,
        "calibrates": case.calibrates,
        "round": round_,
        "stage": stage["id"],
        "kind": stage["kind"],
        "processes": case.processes,
        "estimate": estimate,
        "seconds": manifest["seconds"],
        **taken,
    }


def run(work: Path, steps: int, cases: Sequence[Case], round_: int) -> None:
    """Run one round: calibrating cases, then the plans of the others, then the others."""
    spec, store = make(work / "world", steps), work / f"store-{round_}"
    first, later = ([case for case in cases if case.calibrates is wanted] for wanted in (True, False))
    # the data stage is common to all; once it is there, every plan knows the rows
    if first:
        drdoctl("apply", spec, store, first[0], "--auto-approve", "--json")
    plans = [(case, plan(spec, store, case)) for case in first]
    for case, stages in plans:
        _pay(work, spec, store, case, stages, round_)
    for case, stages in [(case, plan(spec, store, case)) for case in later]:
        _pay(work, spec, store, case, stages, round_)


def _pay(work: Path, spec: Path, store: Path, case: Case, stages: list[dict[str, Any]], round_: int) -> None:
    drdoctl("apply", spec, store, case, "--auto-approve", "--json")
    lines = [json.dumps(record(case, round_, stage, store)) + "\n" for stage in stages if stage["kind"] != "data"]
    with (work / RECORDS).open("a", encoding="utf-8") as file:
        file.writelines(lines)
    print(f"{case.name}: {len(lines)} stages", flush=True)


def busy(found: dict[str, Any]) -> float:
    """Return the processor seconds of one process."""
    return float(found["cpu_seconds"]) / int(found["processes"])


def rates(records: Sequence[dict[str, Any]]) -> dict[tuple[str, int], float]:
    """Return processor seconds for each nominal second by kind and processes, from the calibrating cases alone."""
    groups: dict[tuple[str, int], list[float]] = {}
    for found in records:
        if found["calibrates"]:
            groups.setdefault((found["kind"], found["processes"]), []).append(busy(found) / found["nominal_seconds"])
    return {key: median(values) for key, values in groups.items()}


def errors(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each case and stage: what was planned and the median of what it took."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for found in records:
        groups.setdefault((found["case"], found["stage"]), []).append(found)
    known = rates(records)
    rows = []
    for (case, stage), found in groups.items():
        first = found[0]
        rate = None if first["calibrates"] else known.get((first["kind"], first["processes"]))
        expected = [each["estimate"]["seconds"] for each in found if each["estimate"]["basis"] == "earlier"]
        rows.append(
            {
                "case": case,
                "stage": stage,
                "memory": (first["estimate"]["memory_gib"], median(each["peak_gib"] for each in found)),
                "busy": (rate and rate * first["nominal_seconds"], median(busy(each) for each in found)),
                "seconds": (
                    None if first["calibrates"] or not expected else median(expected),
                    median(each["seconds"] for each in found),
                ),
            }
        )
    return rows


HEAD = (
    "| case | stage | memory, GiB: plan, took | error | processor s: expected, took | error "
    "| seconds: plan, took | error |"
)


def table(records: Sequence[dict[str, Any]]) -> str:
    """Return the table in Markdown, a line a case and stage; misses are set in bold."""
    lines = [HEAD, "| --- " * 8 + "|"]
    for row in errors(records):
        cells = (_cell(*row["memory"], 0.15, 2), _cell(*row["busy"], 0.25, 1), _cell(*row["seconds"], 0.25, 1))
        lines.append(f"| {row['case']} | {row['stage']} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *map(summary, _columns(errors(records)))]) + "\n"


PIPELINES = "seconds of whole pipelines"
NAMES = {"memory": "memory", "busy": "processor seconds", "seconds": "seconds"}


def _columns(rows: Sequence[dict[str, Any]]) -> list[tuple[str, float, list[float]]]:
    limits = {"memory": 0.15, "busy": 0.25, "seconds": 0.25}
    pairs = {name: [row[name] for row in rows if row[name][0] is not None] for name in limits}
    found = {NAMES[name]: (limits[name], [plan / took - 1 for plan, took in some]) for name, some in pairs.items()}
    found[PIPELINES] = (limits["seconds"], _pipelines(rows))
    return [(name, limit, errors) for name, (limit, errors) in found.items() if errors]


def _pipelines(rows: Sequence[dict[str, Any]]) -> list[float]:
    """Return the error of each case's seconds, all its stages together."""
    cases: dict[str, list[tuple[float | None, float]]] = {}
    for row in rows:
        cases.setdefault(row["case"], []).append(row["seconds"])
    planned = [some for some in cases.values() if all(plan is not None for plan, _ in some)]
    return [sum(plan or 0.0 for plan, _ in some) / sum(took for _, took in some) - 1 for some in planned]


def summary(column: tuple[str, float, list[float]]) -> str:
    """Return how many stages of a column are within its limit, and the largest error."""
    name, limit, found = column
    within = sum(abs(error) <= limit for error in found)
    worst = max(found, key=abs, default=0.0)
    of = "cases" if name == PIPELINES else "stages"
    return f"- {name}: {within} of {len(found)} {of} within {100 * limit:.0f} %, the worst {100 * worst:+.0f} %"


def _cell(planned: float | None, took: float, within: float, digits: int) -> str:
    if planned is None:
        return f"-, {took:.{digits}f} | "
    error = planned / took - 1
    shown = f"{100 * error:+.0f} %"
    return f"{planned:.{digits}f}, {took:.{digits}f} | {shown if abs(error) <= within else f'**{shown}**'}"


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the world, the stores and the records")
    parser.add_argument("--steps", type=int, default=6, help="optimizer steps of each training stage")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="only print the table of the records that are there")
    parser.add_argument("--page", action="store_true", help="only write that table into docs/cost.md")
    options = parser.parse_args()
    if not (options.table or options.page):
        for round_ in range(options.rounds):
            run(options.work, options.steps, CASES, round_)
    lines = (options.work / RECORDS).read_text(encoding="utf-8").splitlines()
    found = table([json.loads(line) for line in lines])
    print(found)
    if options.page:
        PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


def placed(page: str, found: str) -> str:
    """Return the page with the table between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{found}{END}{tail}"


if __name__ == "__main__":
    main()
