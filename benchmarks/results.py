"""The records on disk, JSON lines, and the page that their tables go into."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, measures
from benchmarks.runs import ROOT, Settings
from benchmarks.tables import Line, Record, Rounds, line, markdown
from benchmarks.worlds import WORLDS

FOLDER = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
WHOLE = "From a raw file to an aligned student, process starts and passes of reference and oracle included:\n\n"
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    names = [
        row.partition(":")[2].strip() for row in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in row
    ]
    return {"cpu": names[0] if names else "unknown", "cores": os.cpu_count()}


def keep(folder: Path, measure: str, world: str, settings: Settings, rounds: Rounds) -> Path:
    """Write one line a record to `MEASURE.WORLD.jsonl`, in place of what an earlier run left there."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{measure}.{world}.jsonl"
    common = {"measure": measure, "world": world, "threads": settings.threads, "machine": machine()}
    lines = [
        json.dumps({**common, "round": number, "side": side, **_figures(record)})
        for number, found in enumerate(rounds)
        for side, record in found.items()
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def _figures(record: Record) -> dict[str, Any]:
    """Return the record without the lists that only served to compare the sides."""
    return {name: value for name, value in record.items() if not isinstance(value, list)}


def read(file: Path) -> Rounds:
    """Return the rounds that a file of records holds."""
    rounds: list[dict[str, Any]] = []
    for text in file.read_text(encoding="utf-8").splitlines():
        record = json.loads(text)
        while len(rounds) <= record["round"]:
            rounds.append({})
        rounds[record["round"]][record["side"]] = record
    return list(rounds)


def page(folder: Path) -> str:
    """Return the tables of all kept records, a heading a world, and what they were measured with."""
    text = ""
    files = {tuple(file.name.split(".")[:2]): file for file in sorted(folder.glob("*.jsonl"))}
    for world, known in WORLDS.items():
        steps: list[Line] = []
        whole: list[Line] = []
        seen: dict[str, Any] = {}
        for name, measure in measures().items():
            if (name, world) in files:
                rounds = read(files[name, world])
                table = whole if any(row.quantity == "total" for row in measure.rows) else steps
                table += [line(row, rounds) for row in measure.rows if _measured(row, rounds)]
                for found in rounds:
                    seen |= {key: value for record in found.values() for key, value in _with(record).items()}
        tables = [head + markdown(lines) for head, lines in (("", steps), (WHOLE, whole)) if lines]
        if tables:
            made_with = ", ".join(f"{name} {value}" for name, value in seen.items())
            text += f"### {known.title}\n\n" + "\n".join([*tables, f"{made_with}.\n\n"])
    return text


def _measured(row: Row, rounds: Rounds) -> bool:
    """Whether the records have all sides of a row: those from before a side was added lack it."""
    return all(found.keys() >= {row.ours, *row.peers} for found in rounds)


def _with(record: Any) -> dict[str, Any]:
    return {"threads": record["threads"], "on": record["machine"]["cpu"], **record["versions"]}


def render(folder: Path, target: Path = PAGE) -> None:
    """Put the tables between the page's markers. Raises ValueError where it has none."""
    before, begin, rest = target.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"`{target}` lacks the lines `{BEGIN}` and `{END}`")
    target.write_text(f"{before}{BEGIN}\n\n{page(folder)}{END}{after}", encoding="utf-8")
