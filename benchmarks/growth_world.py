"""Pairs, a tokenizer and a spec of any size for `growth.py`: made-up words, the same bytes for the same rows and seed.

Row k is the same whatever the number of rows, so that a larger world is a longer one and nothing else. A pair takes
about 780 bytes of JSON, 150 tokens: a prompt of 30 to 90 words and two responses of 10 to 60. Every second rejected
response is an edit of the chosen one, which gives edit distances their spread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

WORDS = 640
VOCABULARY = 1024
BLOCK = 1000
"""Rows that share one stream of random numbers."""


def words() -> np.ndarray:
    """Return made-up words of two to four syllables, shape (WORDS,), the first ones drawn most often."""
    rng = np.random.default_rng(7)
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(rng.choice(syllables, rng.integers(1, 4)))] = None
    return np.array(list(found), dtype=object)


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield the first `count` pairs: `id`, `prompt`, `chosen`, `rejected`, `confidence` (1 to 9)."""
    known = words()
    for start in range(0, count, BLOCK):
        rng = np.random.default_rng([11, start])
        # u^2: frequent words and rare ones
        stock = known[(rng.random(BLOCK * 220) ** 2 * WORDS).astype(np.int64)]
        sizes = np.stack([rng.integers(30, 91, BLOCK), rng.integers(10, 61, BLOCK), rng.integers(10, 61, BLOCK)], 1)
        confidences = rng.integers(1, 10, BLOCK)
        for row in range(min(BLOCK, count - start)):
            drawn = stock[row * 220 : (row + 1) * 220]
            prompt, chosen, other = sizes[row]
            best, rest = drawn[prompt : prompt + chosen], drawn[prompt + chosen : prompt + chosen + other]
            worse = np.concatenate([rest[:3], best[: -min(6, chosen // 2)]]) if row % 2 else rest
            yield {
                "id": f"pair-{start + row:07d}",
                "prompt": " ".join(drawn[:prompt]),
                "chosen": " ".join(best),
                "rejected": " ".join(worse),
                "confidence": int(confidences[row]),
            }


def write_pairs(path: Path, count: int) -> None:
    """Write the pairs as JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows(count):
            file.write(json.dumps(row) + "\n")


def write_tokenizer(folder: Path) -> None:
    """Train and save a byte-level BPE tokenizer on the first rows: one token for most words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<pad>", "<eos>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (" ".join((row["prompt"], row["chosen"], row["rejected"])) for row in rows(BLOCK))
    backend.train_from_iterator(texts, trainer)
    PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>").save_pretrained(folder)


SPEC = """version: 1
name: growth
data:
  source: {{jsonl: pairs.jsonl}}
  split: {split}
  max_prompt_tokens: 256
  max_tokens: 512
student:
  model: {{hidden_size: 16, layers: 1, heads: 2, max_positions: 512}}
  tokenizer: tokenizer
  sft: {{{length}, global_batch: 64}}
oracle: {{model: sft, {length}, global_batch: 64}}
method: {{name: drdo, reference: true}}
train: {{{length}, global_batch: 64}}
evaluate: {evaluate}
resources: {{device: cpu, threads: 1}}
"""
"""A model that is next to nothing, so that what grows is the machinery: rows read, kept, found again and joined."""

HARD = "{name: hard, quantile: 0.9}"
DRAWN_AGAIN = """
    - {{name: lengths, max_ratio: 5}}
    - {{name: easy, quantile: 0.1, by: oracle}}
    - {{name: length-bias, rho: 0.6, size: {size}}}
    - {{name: label-noise, fraction: 0.1}}"""
"""Steps on either side of an oracle's scores: the pairs are read, scored, and then drawn and turned round."""


def write_world(folder: Path, count: int, steps: int | None) -> None:
    """Write pairs, tokenizer and the specs `spec.yaml` and `splits.yaml`, whose split waits for an oracle's scores.

    `steps`: optimizer steps of each training stage; without it, one epoch. `splits.yaml` takes as few as it can.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "pairs.jsonl").exists():
        write_pairs(folder / "pairs.beside", count)
        (folder / "pairs.beside").replace(folder / "pairs.jsonl")
    if not (folder / "tokenizer").exists():
        write_tokenizer(folder / "tokenizer")
    length = f"max_steps: {steps}" if steps else "epochs: 1"
    evaluate = "[]" if steps else "[{name: pair-accuracy}]"
    whole = SPEC.format(split=HARD, length=length, evaluate=evaluate)
    again = SPEC.format(split=DRAWN_AGAIN.format(size=count // 10), length="max_steps: 1", evaluate="[]")
    (folder / "spec.yaml").write_text(whole, encoding="utf-8")
    (folder / "splits.yaml").write_text(again, encoding="utf-8")
