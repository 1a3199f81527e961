"""What `cost.py` plans and pays for: models of several makes and sizes, trained in several ways on the same pairs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WORDS = 4096
ROWS, EVAL_ROWS = 48, 8
PROMPT, RESPONSE = (20, 240, 100), (10, 130, 60)
"""Tokens: least, most, median of a lognormal length."""
SPEC = """\
version: 1
name: cost
seed: 0
data: {{source: {{jsonl: train.jsonl, eval: eval.jsonl}}, max_prompt_tokens: 256, max_tokens: 400}}
student:
  model: {{}}
  tokenizer: ./tokenizer
  sft: {{max_steps: {steps}, global_batch: 16, warmup_steps: 0}}
oracle: {{model: sft, max_steps: {steps}, global_batch: 16}}
method: drdo
train: {{max_steps: {steps}, global_batch: 16, learning_rate: 1.0e-5}}
evaluate:
  - {{name: reward-advantage, judge: oracle, against: [sft], temperatures: [0.7], prompts: 8, max_new_tokens: 48}}
  - {{name: pair-accuracy}}
resources: {{device: cpu, threads: 1}}
"""


@dataclass(frozen=True)
class Case:
    """One configuration."""

    model_type: str
    hidden: int
    layers: int
    dtype: str = "fp32"
    processes: int = 1
    zero: int = 0
    checkpointing: bool = False
    micro_tokens: int = 2048
    calibrates: bool = False
    """Whether it is run first, to calibrate the times of the others."""

    @property
    def name(self) -> str:
        """Return a short name."""
        parts = [
            f"{self.model_type} {self.hidden}x{self.layers}",
            self.dtype,
            f"{self.processes}p",
            f"zero {self.zero}",
        ]
        parts += ["checkpointing"] if self.checkpointing else []
        parts += [f"{self.micro_tokens} tokens"] if self.micro_tokens != 2048 else []
        return ", ".join(parts)

    def sets(self) -> list[str]:
        """Return the spec's values that make it."""
        values = {
            "student.model.model_type": self.model_type,
            "student.model.hidden_size": self.hidden,
            "student.model.layers": self.layers,
            "student.model.heads": max(2, self.hidden // 64),
            "student.model.max_positions": 512,
            "student.dtype": self.dtype,
            "oracle.dtype": self.dtype,
            "resources.processes": self.processes,
            "resources.zero_stage": self.zero,
            "resources.gradient_checkpointing": str(self.checkpointing).lower(),
            "resources.micro_tokens": self.micro_tokens,
            # resources change no fingerprint: so that no case reuses another's artifacts
            "student.sft.learning_rate": 1e-5 * (1 + CASES.index(self) / 1000),
        }
        return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


CASES = (
    Case("llama", 128, 4, calibrates=True),
    Case("opt", 256, 4, calibrates=True),
    Case("llama", 256, 4, "bf16", calibrates=True),
    Case("qwen2", 256, 4, processes=2, zero=1, calibrates=True),
    Case("llama", 256, 4),
    Case("llama", 256, 4, micro_tokens=512),
    Case("llama", 256, 4, micro_tokens=6000),
    Case("llama", 256, 4, checkpointing=True, micro_tokens=6000),
    Case("gpt_neox", 256, 6),
    Case("phi3", 256, 4, zero=2),
    Case("qwen2", 384, 4, zero=1),
    Case("opt", 384, 4, zero=3),
    Case("gpt_neox", 256, 4, "bf16", zero=2, micro_tokens=4096),
    Case("llama", 384, 6, processes=2, zero=2),
    Case("qwen2", 256, 4, processes=2, zero=3),
    Case("opt", 512, 4, checkpointing=True),
    Case("llama", 512, 8),
)


def make(folder: Path, steps: int) -> Path:
    """Write tokenizer, pairs and spec; return the spec's path."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    names = ["<pad>", "<unk>", "<eos>", *(f"w{word}" for word in range(WORDS - 3))]
    backend = Tokenizer(models.WordLevel({name: at for at, name in enumerate(names)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<eos>",
    )
    tokenizer.save_pretrained(folder / "tokenizer")
    stream = np.random.default_rng(0)

    def text(bounds: tuple[int, int, int]) -> str:
        length = int(np.clip(stream.lognormal(np.log(bounds[2]), 0.6), bounds[0], bounds[1]))
        return " ".join(names[word] for word in stream.integers(3, WORDS, length))

    for part, count in (("train", ROWS), ("eval", EVAL_ROWS)):
        rows = ({"prompt": text(PROMPT), "chosen": text(RESPONSE), "rejected": text(RESPONSE)} for _ in range(count))
        lines = (json.dumps({"id": f"{part}-{at}", **row}) + "\n" for at, row in enumerate(rows))
        (folder / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")
    spec = folder / "spec.yaml"
    spec.write_text(SPEC.format(steps=steps), encoding="utf-8")
    return spec
