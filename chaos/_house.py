"""A store with finished artifacts, one stage in progress, a journal and a lock, made in a moment: no stage runs."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path

from chaos._watch import ROOT
from drdoctl.store.artifact import Store
from drdoctl.store.run import Run

LEFT = "align"
"""The stage that is left in progress."""


def make(root: Path) -> None:
    """Write the spec, what it points at, and the store `root`, all beside each other."""
    world = runpy.run_path(str(ROOT / "tests" / "plan" / "plan_world.py"))["World"](root.parent)
    fill = runpy.run_path(str(ROOT / "tests" / "report" / "report_house.py"))["_fill"]
    store = Store(root)
    store.prepare()
    run = Run.start(store, "small", ["apply", "spec.yaml"])
    stages = [stage.want for stage in world.plan().stages]
    told = [{"id": want.id, "kind": want.kind, "artifact": want.artifact, "action": "run"} for want in stages]
    run.emit("plan", stages=told, summary={"run": len(stages)})
    for want in stages:
        folder, _ = store.open_partial(want)
        (folder / "job.json").write_text(json.dumps({"fingerprint": want.fingerprint, "parent": 1}), encoding="utf-8")
        label = "drdo" if want.label or want.kind == LEFT else "sft"
        fill(folder, replace(want, label=label, warnings=("judge = teacher",)))
        if want.kind == LEFT:
            _leave(folder)
            run.emit("stage_failed", id=want.id, artifact=want.artifact, faults=[], log="log.txt")
        else:
            store.commit(want, "small", {"accuracy": 0.75}, 2.0)
    run.finish(1)
    (root / "zoo-refs.json").write_text(json.dumps({"format": 1, "refs": {}}), encoding="utf-8")


def _leave(folder: Path) -> None:
    progress = {"step": 9, "steps": 12, "unit": "step", "loss": 0.5, "checkpoint": 5, "notes": ["one"]}
    (folder / "progress.json").write_text(json.dumps(progress), encoding="utf-8")
    failure = {"exit_code": 1, "faults": [{"code": "disk", "message": "no room", "where": None, "hint": "make room"}]}
    (folder / "failure.json").write_text(json.dumps(failure), encoding="utf-8")
    (folder / "log.txt").write_text("step 9\n", encoding="utf-8")
    (folder / "checkpoints" / "step-5").mkdir(parents=True)
    (folder / "checkpoints" / "step-5" / "manifest.json").write_text('{"format": 1, "files": {}}', encoding="utf-8")


def files(root: Path) -> list[tuple[str, list[list[str]]]]:
    """Return files of the store by name, each with the command lines that read it."""
    spec = str(root.parent / "spec.yaml")
    everywhere = [["status"], ["status", spec, "--json"], ["plan", spec, "--offline"]]
    found = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        folder = path.relative_to(root).parts[1] if "artifacts" in path.parts else ""
        told = [["show", "artifact", folder], ["verify", folder]] if folder and ".partial" not in folder else []
        if path.suffix in (".json", ".jsonl", "") and path.name not in (".gitignore", "CACHEDIR.TAG"):
            more = [["doctor", spec], ["gc", spec, "--dry-run", "--older-than", "0"]] if folder else []
            listed = [["ls", "artifacts", "--json"], ["ls", "runs"]]
            found.append((str(path.relative_to(root)), [*everywhere, *listed, *told, *more]))
    return found
