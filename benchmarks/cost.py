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
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cost_world import CASES, Case, make

RECORDS = "cost.jsonl"
FACTS = ("steps", "tokens", "flops", "seconds", "memory_gib", "memory")


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
    taken = {name: manifest["metrics"].get(name) for name in ("peak_gib", "cpu_seconds")}
    estimate = {name: stage["estimate"].get(name) for name in FACTS}
    return {
        "case": case.name,
        "calibrates": case.calibrates,
        "round": round_,
        "stage": stage["id"],
        "kind": stage["kind"],
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


def errors(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each case and stage: estimate, median of what it took, and their ratio."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for found in records:
        groups.setdefault((found["case"], found["stage"]), []).append(found)
    rows = []
    for (case, stage), found in groups.items():
        memory, seconds = (median(each[name] for each in found) for name in ("peak_gib", "seconds"))
        expected = [each["estimate"]["seconds"] for each in found if each["estimate"]["seconds"] is not None]
        rows.append(
            {
                "case": case,
                "stage": stage,
                "calibrates": found[0]["calibrates"],
                "memory": (found[0]["estimate"]["memory_gib"], memory),
                "seconds": (median(expected) if expected else None, seconds),
            }
        )
    return rows


def table(records: Iterable[dict[str, Any]]) -> str:
    """Return the table in Markdown, a line a case and stage; misses are set in bold."""
    lines = ["| case | stage | memory, GiB: plan, took | error | seconds: plan, took | error |", "| --- " * 6 + "|"]
    for row in errors(records):
        memory, seconds = _cell(*row["memory"], 0.15, 2), _cell(*row["seconds"], 0.25, 1, timed=not row["calibrates"])
        lines.append(f"| {row['case']} | {row['stage']} | {memory} | {seconds} |")
    return "\n".join(lines) + "\n"


def _cell(planned: float | None, took: float, within: float, digits: int, *, timed: bool = True) -> str:
    if planned is None or not timed:
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
    options = parser.parse_args()
    if not options.table:
        for round_ in range(options.rounds):
            run(options.work, options.steps, CASES, round_)
    lines = (options.work / RECORDS).read_text(encoding="utf-8").splitlines()
    print(table(json.loads(line) for line in lines))


if __name__ == "__main__":
    main()
