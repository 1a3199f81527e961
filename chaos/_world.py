"""A small pipeline with every kind of stage, and what of it must be the same however it came about."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from drdoctl.core.errors import DrdoError
from drdoctl.core.fingerprint import artifact_name
from drdoctl.store.artifact import Store

CHECKPOINT_STEPS = 5
SPEC = """\
version: 1
name: soak
seed: 7
data:
  source: {name: notes, train: 640, eval: 96, sft: 256, prompts: 640}
  max_prompt_tokens: 48
  max_tokens: 80
student:
  model: {model_type: llama, hidden_size: 32, layers: 2, heads: 4, max_positions: 128}
  sft: {max_steps: 48, global_batch: 16, learning_rate: 5.0e-3}
oracle: {model: sft, max_steps: 48, global_batch: 16, learning_rate: 1.0e-3}
train: {max_steps: 56, global_batch: 16, learning_rate: 3.0e-4}
matrix: {method: [drdo, dpo]}
evaluate:
  - {name: true-reward, temperatures: [0.7], max_new_tokens: 16}
  - {name: pair-accuracy}
resources: {device: cpu, threads: 1, micro_tokens: 512, checkpoint_steps: 5}
"""
"""Three epochs of `sft`, two micro-batches a step and more, several pieces of every table."""


@dataclass
class World:
    """A folder with the spec, and how it is applied there."""

    folder: Path
    processes: int = 1
    zero_stage: int = 0
    timeout_minutes: float = 0.75
    owed: list[str] = field(default_factory=list)
    """Artifacts whose log must tell of a damaged checkpoint."""

    def make(self) -> None:
        """Write the spec."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "soak.yaml").write_text(SPEC, encoding="utf-8")

    def store(self, name: str = "store") -> Store:
        """Return the store of that name."""
        return Store(self.folder / name)

    def command(self, verb: str, *options: str, store: str = "store") -> list[str]:
        """Return a command line of drdoctl, to be run in the folder."""
        return [sys.executable, "-m", "drdoctl", verb, *options, "--store", store, "--offline"]

    def apply(self, store: str = "store") -> list[str]:
        """Return the command line that is given again and again."""
        values = {
            "processes": self.processes,
            "zero_stage": self.zero_stage,
            "timeout_minutes": self.timeout_minutes,
        }
        sets = [word for key, value in values.items() for word in ("--set", f"resources.{key}={value}")]
        return self.command("apply", "soak.yaml", "--auto-approve", "--json", *sets, store=store)

    def run(self, command: list[str], seconds: float = 600.0) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder to its end."""
        return subprocess.run(  # noqa: S603  # our own program
            command, cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=seconds, check=False
        )

    @cached_property
    def needs(self) -> dict[str, list[str]]:
        """Return each artifact's inputs, as the plan has them."""
        stages = json.loads(self.run(self.command("plan", "soak.yaml", "--json")).stdout)["stages"]
        names = {stage["id"]: stage["artifact"] for stage in stages}
        return {stage["artifact"]: [names[need] for need in stage["needs"]] for stage in stages}


def environment(**more: str) -> dict[str, str]:
    """Return the environment of every command."""
    return {**os.environ, "CI": "1", "NO_COLOR": "1", "HF_HUB_OFFLINE": "1", **more}


def contents(store: Store) -> dict[str, Mapping[str, Any]]:
    """Return what each artifact holds, by its name: size and sha256 of every file, as its manifest has them."""
    return {artifact_name(made["kind"], made["fingerprint"]): made["files"] for made in store.manifests()}


def differences(store: Store, wanted: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what of a store is other than it must be: by its manifests, and by its files read anew."""
    found = contents(store)
    wrong = [f"`{name}` is missing" for name in sorted(wanted.keys() - found.keys())]
    wrong += [f"`{name}` should not be there" for name in sorted(found.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & found.keys()):
        both = wanted[name].keys() | found[name].keys()
        wrong += [
            f"`{name}/{file}` differs" for file in sorted(both) if wanted[name].get(file) != found[name].get(file)
        ]
        try:
            store.verify(name)
        except DrdoError as error:
            wrong.append(f"`{name}` does not hold: {error}")
    return wrong


def clear(store: Store) -> None:
    """Remove all artifacts, so that the next apply begins anew."""
    for folder in store.artifacts.iterdir():
        shutil.rmtree(folder)
