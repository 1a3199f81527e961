"""How time and memory grow with the pairs: `python -m benchmarks.growth --sizes 1000 10000` (or `make bench-growth`).

For each size it makes a world, times `drdoctl plan` (first, and again), carries the whole pipeline out with
`drdoctl apply`, reads what each stage took from its manifest, and writes `docs/growth.md` with its plot. From
`--cached-from` rows on, training is a few steps and nothing is evaluated: those sizes measure data, plan, split and
the cached rewards and log-probabilities. Interrupted, the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import growth_page
from benchmarks.growth_world import write_world
from drdoctl.store.artifact import Store
from drdoctl.store.manifest import host

STEPS = 20
PARTS = ("pipeline", "splits")
"""The whole pipeline; and the stages of a split that waits for an oracle's scores."""
PLANS = 5
"""How often an unchanged file is planned again; the median counts."""


def main() -> None:
    """Measure the sizes asked for, and write the page over all that were ever measured in this folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000], help="pairs")
    parser.add_argument("--work", type=Path, default=Path("build/growth"), help="where worlds and stores are made")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where the page, its plot and figures go")
    parser.add_argument("--cached-from", type=int, default=1_000_000, help="sizes that train only a few steps")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what is measured anew")
    parser.add_argument("--note", default="", help="a sentence for the page: what else the machine was doing")
    told = parser.parse_args()
    figures = told.docs / "growth" / "figures.json"
    figures.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else {}
    for size in sorted(told.sizes):
        folder, steps = told.work / str(size), STEPS if size >= told.cached_from else None
        write_world(folder, size, steps)
        if "pipeline" in told.parts:
            known[str(size)] = {**known.get(str(size), {}), **pipeline(folder, steps), "note": told.note}
        if "splits" in told.parts:
            known.setdefault(str(size), {})["splits"] = splits(folder)
        figures.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        growth_page.write(told.docs, known)
        print(f"{size:,} pairs: {json.dumps(known[str(size)])}", flush=True)


def pipeline(folder: Path, steps: int | None) -> dict[str, Any]:
    """Return what planning and each stage took for one size: `seconds`, `cpu_seconds`, `peak_mib`."""
    stages = {"plan (first)": None, "plan (again)": None}
    shutil.rmtree(folder / "cache", ignore_errors=True)
    time.sleep(2.5)  # a file that was just written is not remembered
    stages["plan (first)"] = _run("plan", folder, folder / "none")
    again = sorted((_run("plan", folder, folder / "none") for _ in range(PLANS)), key=lambda each: each["seconds"])
    stages["plan (again)"] = again[PLANS // 2]
    _run("apply", folder, folder / "store", "--auto-approve")
    stages |= _taken(folder / "store")
    size_mib = (folder / "pairs.jsonl").stat().st_size / 2**20
    return {"file_mib": round(size_mib, 1), "steps": steps, "host": host(), "stages": stages}


def splits(folder: Path) -> dict[str, Any]:
    """Return what the stages of a split that waits for an oracle took: the data, its scores, and the data again."""
    store = folder / "store-splits"
    _run("apply", folder, store, "--auto-approve", spec="splits.yaml")
    return {name: figures for name, figures in _taken(store).items() if name.startswith(("data", "rewards"))}


def _taken(store: Path) -> dict[str, dict[str, float]]:
    return {
        made["id"]: {
            "seconds": made["seconds"],
            "cpu_seconds": made["metrics"]["cpu_seconds"],
            "peak_mib": round(made["metrics"]["peak_gib"] * 1024, 1),
        }
        for made in Store(store).manifests()
    }


def _run(verb: str, folder: Path, store: Path, *options: str, spec: str = "spec.yaml") -> dict[str, float]:
    """Run drdoctl in a process of its own and return its wall and CPU seconds, and its peak memory in MiB."""
    command = [sys.executable, "-m", "drdoctl", verb, spec, "--store", str(store.absolute()), *options]
    path = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))
    env = {**os.environ, "XDG_CACHE_HOME": str((folder / "cache").absolute()), "PYTHONPATH": path}
    with (folder / f"{verb}.log").open("wb") as log:
        begun = time.monotonic()
        child = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603 -- our own
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"`drdoctl {verb}` ended with {child.returncode}: see {folder / f'{verb}.log'}")
    cpu = round(used.ru_utime + used.ru_stime, 3)
    return {"seconds": round(seconds, 3), "cpu_seconds": cpu, "peak_mib": round(used.ru_maxrss / 1024, 1)}


if __name__ == "__main__":
    main()
