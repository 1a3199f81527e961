"""A small world on disk: a data file, a model folder, a spec, and a store whose artifacts are made of nothing."""

from __future__ import annotations

import json
import struct

from drdoctl.plan.compile import compile as wanted
from drdoctl.plan.diff import diff
from drdoctl.plan.seconds import MACHINE
from drdoctl.spec.facts import Facts
from drdoctl.spec.load import load
from drdoctl.store.artifact import Store

SPEC = """\
version: 1
name: small
seed: 7
data:
  source: {jsonl: pairs.jsonl}
  max_prompt_tokens: 40
  max_tokens: 64
student:
  model: ./base
  sft: {epochs: 1, global_batch: 4}
oracle: {model: ./base, global_batch: 4}
method: {name: drdo, alpha: 0.1, reference: false}
train: {global_batch: 4}
evaluate:
  - {name: win-rate, temperatures: [0.7], prompts: 8, max_new_tokens: 8}
  - {name: pair-accuracy}
"""
MATRIX = """\
matrix:
  method: [{name: drdo, alpha: 0.1, reference: false}, {name: dpo}, {name: e-dpo, members: 2}]
"""
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": 32,
    "max_position_embeddings": 128,
    "tie_word_embeddings": True,
}


def write_weights(path, shape=(4, 4), fill=0):
    """Write a whole safetensors file with one float32 tensor."""
    count = shape[0] * shape[1]
    tensor = {"dtype": "F32", "shape": list(shape), "data_offsets": [0, 4 * count]}
    header = json.dumps({"weight": tensor, "__metadata__": {"format": "pt"}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes([fill]) * 4 * count)


def write_model(folder, fill=0, **changes):
    """Write a model folder that facts accept."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changes}))
    words = {"model": {"type": "WordLevel", "vocab": {f"w{index}": index for index in range(32)}}}
    (folder / "tokenizer.json").write_text(json.dumps(words))
    write_weights(folder / "model.safetensors", fill=fill)
    return folder


def pair(index):
    """Return one line of a data file."""
    row = {"prompt": f"question {index}", "chosen": f"yes {index}", "rejected": f"no {index}"}
    return json.dumps(row) + "\n"


def told(estimate):
    """Return what a manifest keeps of an estimate."""
    nominal = {"nominal_seconds": estimate.nominal_seconds, "nominal_machine": MACHINE}
    return {"flops": estimate.flops, **nominal, **estimate.likeness}


class World:
    """A spec, what it points at, and a store, in one folder."""

    def __init__(self, root):
        """Write the files."""
        self.root = root
        self.spec = root / "spec.yaml"
        self.data = root / "pairs.jsonl"
        self.spec.write_text(SPEC)
        self.data.write_text("".join(pair(index) for index in range(100)))
        self.base = write_model(root / "base")
        self.store = Store(root / "store")

    def wants(self, *sets):
        """Return the stages of the spec."""
        loaded = load(self.spec, sets)
        return wanted(loaded.spec, Facts(loaded.base, self.store.root, loaded.spec.zoo))

    def plan(self, *sets, weightless=False):
        """Return the plan of the spec against the store."""
        loaded = load(self.spec, sets)
        wants = wanted(loaded.spec, Facts(loaded.base, self.store.root, loaded.spec.zoo, weightless=weightless))
        return diff(wants, self.store, loaded)

    def make(self, *sets, only=None, seconds=2.0, metrics=None):
        """Put an artifact of each stage (or of those named) into the store, as an apply would."""
        for stage in self.plan(*sets).stages:
            if stage.action != "reuse" and (only is None or stage.want.id in only):
                self.commit(stage.want, seconds, told(stage.estimate) if metrics is None else metrics)

    def commit(self, want, seconds=2.0, metrics=None):
        """Put one artifact into the store."""
        self.store.prepare()
        folder, _ = self.store.open_partial(want)
        (folder / "job.json").write_text(json.dumps({"fingerprint": want.fingerprint}))
        (folder / "result.txt").write_text(want.artifact)
        self.store.commit(want, "small", metrics or {}, seconds)

    def actions(self, *sets):
        """Return stage id -> action."""
        return {stage.want.id: stage.action for stage in self.plan(*sets).stages}
