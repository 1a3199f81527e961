"""What is measured on: a model, pairs and a drdoctl store with everything that an alignment step reads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.runs import ROOT, Settings, Side, SideFailed, plain_environment, run

SPEC = """\
version: 1
name: benchmark
seed: 0
data:
  source: {{jsonl: train.jsonl, eval: eval.jsonl}}
  max_prompt_tokens: {prompt_tokens}
  max_tokens: {tokens}
  template: none
student: {{model: {model}, sft: false}}
method: {{name: dpo, beta: 0.1}}
train: {{{training}, learning_rate: 1.0e-5}}
resources: {{device: cpu, threads: {threads}}}
"""
CONSTANT = "global_batch: {batch}, scheduler: constant, weight_decay: 0.0"
TRAINING = f"max_steps: {{steps}}, {CONSTANT}"
ORACLE = f"oracle={{{{model: {{model}}, sft_weight: 0.0, {TRAINING}}}}}"
SFT = f"student.sft={{{{{TRAINING}, warmup_steps: 0}}}}"
FINISHED = "oracle={{model: {oracle}}}"
DRDO = "method={{name: drdo, reference: {reference}}}"
PROMPTS, PROMPTS_ROOM = 64, 256
"""Prompts sampled from, and the tokens that each response may have."""


@dataclass(frozen=True)
class World:
    """A model and the pairs it is trained on."""

    name: str
    title: str
    size: str | None
    """A size that `build` knows, or None for the SmolLM2 folder of the settings."""
    real: bool
    """Whether the pairs are UltraFeedback's."""
    max_tokens: int
    batch: int
    rows: int | None = None
    """Pairs; without it, the settings' number."""
    steps: int | None = None
    """Steps to time, where fewer than the settings' must do."""


WORLDS = {
    world.name: world
    for world in (
        World("pairs", "5M Llama, generated pairs", "5m", real=False, max_tokens=1024, batch=8),
        World("ultrafeedback", "5M Llama, UltraFeedback", "5m", real=True, max_tokens=1024, batch=8),
        World("smollm2", "SmolLM2-135M, UltraFeedback", None, real=True, max_tokens=512, batch=4, rows=32, steps=3),
        World("quick", "tiny Llama, generated pairs", "tiny", real=False, max_tokens=1024, batch=4, rows=24, steps=2),
    )
}


class Missing(Exception):
    """A world that this machine cannot make, and why."""


class Ready:
    """A world made: its folder, its spec, its store."""

    def __init__(self, world: World, settings: Settings) -> None:
        """Make what is not there yet. Raises Missing."""
        self.world = world
        self.settings = replace(settings, steps=world.steps or settings.steps, warmup=min(settings.warmup, 2))
        self.rows = world.rows or settings.rows
        self.folder = (settings.work / f"{world.name}-{self.rows}").absolute()
        self.model = self.folder / "model" if world.size else _asked(settings.smollm2, "--smollm2")
        pairs = _asked(settings.ultrafeedback, "--ultrafeedback") if world.real else None
        settings.work.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "eval.jsonl").exists():
            self._build(pairs)
        self.spec = self.folder / "spec.yaml"
        self.spec.write_text(self._spec(), encoding="utf-8")

    @property
    def all_steps(self) -> int:
        """Return the steps of one run, warm-up included."""
        return self.settings.warmup + self.settings.steps

    def _build(self, pairs: Path | None) -> None:
        given = {
            "target": str(self.folder),
            "model": self.world.size or str(self.model),
            "pairs": str(pairs) if pairs else None,
            "rows": self.rows,
            "max_tokens": self.world.max_tokens,
        }
        run(Side("benchmarks.build:make", given), self.settings)

    def _spec(self) -> str:
        return SPEC.format(
            tokens=self.world.max_tokens,
            prompt_tokens=self.world.max_tokens - 1,
            model=self.model,
            training=self.text(TRAINING),
            threads=self.settings.threads,
        )

    def text(self, setting: str, **values: Any) -> str:
        """Return a `--set` text of this module for this world."""
        given = {"model": self.model, "steps": self.all_steps, "batch": self.world.batch, **values}
        return setting.format(**given)

    def apply(self, *sets: str) -> None:
        """Carry the spec out; what is in the store already is not done again. Raises SideFailed."""
        given = [word for text in sets for word in ("--set", text)]
        command = [sys.executable, "-m", "drdoctl", "apply", str(self.spec), "--auto-approve", "--offline", "-q"]
        done = subprocess.run(  # noqa: S603  # our own program
            [*command, "--store", str(self.folder / "store"), *given],
            env={**plain_environment(self.settings.threads), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SideFailed(done.stderr)

    def job(self, kind: str, *sets: str) -> Side:
        """Return the side that runs a stage of this kind, its inputs made: steps timed, nothing else changed."""
        job = self._job(kind, sets)
        given = {"job": job, "warmup": self.settings.warmup}
        return Side("benchmarks.sides.ours:stage", given, self.environment(kind))

    def environment(self, kind: str) -> dict[str, str]:
        """Return the environment in which drdoctl starts its child for a stage of this kind, or for `score`."""
        from drdoctl.engine.launch import environment

        resources = {"processes": 1, "threads": self.settings.threads, "device": "cpu"}
        return {**plain_environment(self.settings.threads), **environment(kind, resources, offline=True)}

    def _job(self, kind: str, sets: Sequence[str]) -> dict[str, Any]:
        from drdoctl.engine.stage import job_for
        from drdoctl.plan.compile import compile as wanted
        from drdoctl.spec.facts import Facts
        from drdoctl.spec.load import load
        from drdoctl.store.artifact import Store

        store = Store(self.folder / "store")
        loaded = load(self.spec, sets)
        wants = wanted(loaded.spec, Facts(loaded.base, store.root))
        want = next(want for want in wants if want.kind == kind)
        if not all(store.path(other.artifact).exists() for other in want.inputs.values()):
            self.apply(*sets, "train.max_steps=1")  # its inputs are what is wanted
        resources = loaded.spec.resources.model_dump(mode="json")
        return asdict(job_for(want, self.folder, store, resources, offline=True, spent=0.0))

    @property
    def constant(self) -> str:
        """Return training settings, a learning rate included, without the number of steps."""
        return f"{self.text(CONSTANT)}, learning_rate: 1.0e-5"

    @cached_property
    def oracle(self) -> Path:
        """Return the folder of an oracle, made by as many steps as a run has."""
        job = self._job("rewards", (self.text(ORACLE), self.text(DRDO, reference="true")))
        return Path(job["inputs"]["oracle-0"])

    @cached_property
    def table(self) -> list[dict[str, Any]]:
        """Return the training rows of the data artifact."""
        import pyarrow.parquet as pq

        return pq.read_table(Path(self._job("align", ())["inputs"]["data"]) / "train.parquet").to_pylist()

    @cached_property
    def tokens(self) -> int:
        """Return the unique tokens of all pairs: each prompt once, and both responses."""
        return sum(sum(_as_peers_read(row)["tokens"]) for row in self.table)

    @cached_property
    def prompts_file(self) -> Path:
        """Return the prompts to sample from, and how long each response is to be: its real one's length."""
        fitting = [row for row in self.table if len(row["student_prompt"]) + PROMPTS_ROOM <= self.world.max_tokens]
        end = fitting[0]["student_chosen"][-1]
        told = {
            "prompts": [row["student_prompt"] for row in fitting[:PROMPTS]],
            "lengths": [min(len(row["student_chosen"]), PROMPTS_ROOM - 1) for row in fitting[:PROMPTS]],
            "special": [0, 1, 2, end],
            "end": end,
        }
        file = self.folder / "prompts.json"
        file.write_text(json.dumps(told), encoding="utf-8")
        return file

    @cached_property
    def steps_file(self) -> Path:
        """Return the file of the pairs that our steps take, in their order: what a peer trains on, batch by batch.

        JSON lines: `prompt`, `chosen`, `rejected` and the tokens of each as `tokens`.
        """
        from drdoctl.train.schedule import Order

        order = Order(len(self.table), self.world.batch, 0)
        file = self.folder / "steps.jsonl"
        with file.open("w", encoding="utf-8") as out:
            for step in range(self.all_steps):
                for row in order.batch(step):
                    out.write(json.dumps(_as_peers_read(self.table[int(row)])) + "\n")
        return file

    def peer(self, target: str, **more: Any) -> Side:
        """Return a peer's side on the same model and the same batches."""
        return Side(
            target,
            {
                "model": str(self.model),
                "rows": str(self.steps_file),
                "batch": self.world.batch,
                "warmup": self.settings.warmup,
                "max_tokens": self.world.max_tokens,
                **more,
            },
        )


def _asked(path: Path | None, flag: str) -> Path:
    if path is None or not path.exists():
        raise Missing(f"give `{flag}`" if path is None else f"`{path}` is not there: give `{flag}`")
    return path.absolute()


def _as_peers_read(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row's texts, and the tokens of prompt, chosen and rejected with their end tokens."""
    joint = "" if row["prompt"][-1:].isspace() or row["chosen"][:1].isspace() else " "
    return {
        "prompt": row["prompt"],
        "chosen": joint + row["chosen"],
        "rejected": joint + row["rejected"],
        "tokens": [len(row[f"student_{name}"]) for name in ("prompt", "chosen", "rejected")],
    }
