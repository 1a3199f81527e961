"""`python -m benchmarks [MEASURE ...]`: run measures, keep their records, and print their tables."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from benchmarks import results, tables
from benchmarks.measure import Disagree, Measure, check, measures
from benchmarks.runs import ROOT, Settings, Side, SideFailed, interleaved
from benchmarks.worlds import WORLDS, Missing, Ready

ULTRAFEEDBACK = ROOT.parent / "shared" / "data" / "ultrafeedback_binarized_sample" / "train.jsonl.gz"


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument("measure", nargs="*", metavar="MEASURE", help=f"of: {', '.join(measures())} (default: all)")
    made.add_argument("--world", action="append", choices=list(WORLDS), help="only this world; repeatable")
    made.add_argument("--work", type=Path, default=ROOT / "build" / "benchmarks", help="models, data and stores")
    made.add_argument("--out", type=Path, help="folder for the records (default: benchmarks/results)")
    made.add_argument("--rounds", type=int, help="interleaved runs of every side (default: 5)")
    made.add_argument("--warmup", type=int, help="steps of each run that are not timed (default: 2)")
    made.add_argument("--steps", type=int, help="steps of each run that are timed (default: 8)")
    made.add_argument("--threads", type=int, help="threads of each side (default: 1)")
    made.add_argument("--rows", type=int, help="preference pairs (default: 256)")
    made.add_argument("--smollm2", type=Path, metavar="DIR", help="SmolLM2-135M as a Hugging Face folder")
    made.add_argument("--ultrafeedback", type=Path, metavar="FILE", default=ULTRAFEEDBACK, help="pairs, JSON lines")
    made.add_argument("--cpu", action="store_true", help="count processor seconds, for a busy machine; nothing is kept")
    made.add_argument("--quick", action="store_true", help="a smoke run on a tiny model; nothing is kept")
    made.add_argument("--render", action="store_true", help="only write the kept records' tables into the page")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run what is asked for. Returns 1 where a side failed."""
    asked = parser().parse_args(argv)
    if asked.render:
        results.render(asked.out or results.FOLDER)
        return 0
    known = measures()
    unknown = [name for name in asked.measure if name not in known]
    if unknown:
        parser().error(f"no measure is called {', '.join(unknown)}; there are {', '.join(known)}")
    settings = _settings(asked)
    failed = False
    for name in asked.measure or known:
        for world in _worlds(known[name], asked):
            failed |= not _measure(name, known[name], world, settings, asked.out)
    return int(failed)


def _settings(asked: argparse.Namespace) -> Settings:
    names = {field.name for field in fields(Settings)}
    given = {name: value for name, value in vars(asked).items() if name in names and value is not None}
    settings = Settings(**{**given, "work": asked.work.absolute()})
    return replace(settings, rounds=asked.rounds or 1, warmup=1) if asked.quick else settings


def _worlds(measure: Measure, asked: argparse.Namespace) -> list[str]:
    if asked.quick:
        return ["quick"]
    return [name for name in measure.worlds if not asked.world or name in asked.world]


def _measure(name: str, measure: Measure, world: str, settings: Settings, out: Path | None) -> bool:
    """Run one measure in one world, print its table and keep its records. Returns whether it went well."""
    said = f"{name}, {WORLDS[world].title}"
    if measure.needs_trl and importlib.util.find_spec("trl") is None:
        print(f"skipped: {said}: install TRL: `pip install trl`", file=sys.stderr)
        return True
    try:
        ready = Ready(WORLDS[world], settings)
        rounds = _rounds(measure.sides(ready), settings, said)
        if measure.agree:
            for found in rounds:
                check(measure.agree, found)
    except Missing as why:
        print(f"skipped: {said}: {why}", file=sys.stderr)
        return True
    except (SideFailed, Disagree) as why:
        print(f"failed: {said}: {why}", file=sys.stderr)
        return False
    print(f"\n{measure.title}: {WORLDS[world].title}\n")
    print(tables.markdown(tables.line(row, rounds) for row in measure.rows))
    if not (settings.quick or settings.cpu):
        results.keep(out or results.FOLDER, name, world, settings, rounds)
    return True


def _rounds(sides: Mapping[str, Side], settings: Settings, said: str) -> tables.Rounds:
    """Run the rounds; Ctrl-C after the first keeps those that are whole. Raises SideFailed."""
    rounds: list[dict[str, tables.Record]] = []
    try:
        for number, side, record in interleaved(sides, settings):
            if number == len(rounds):
                rounds.append({})
            rounds[number][side] = record
            print(f"{said}: round {number + 1}, {side}: {record['seconds']:.2f} s", file=sys.stderr)
    except KeyboardInterrupt:
        rounds = [found for found in rounds if found.keys() == sides.keys()]
        if not rounds:
            raise
        print(f"{said}: stopped after {len(rounds)} whole rounds", file=sys.stderr)
    return list(rounds)


if __name__ == "__main__":
    sys.exit(main())
