"""Scoring a file of pairs: what `drdoctl score` runs, and a plain loop of padded batches as most scripts have it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.records import now, since

BATCH = 8
"""Responses in a padded batch, in the file's order."""


def ours(oracle: str, file: str, tokens: int, folder: str, threads: int) -> dict[str, Any]:
    """Score the file as the child of `drdoctl score` does, from reading the model to the written rows."""
    from drdoctl.train.score_file import Request, run

    def score(pairs: Path, out: Path) -> None:
        total = pairs.read_text(encoding="utf-8").count("\n")
        run(Request(oracle, str(pairs), str(out), "none", "fp32", "cpu", threads, total, folder))

    return _timed(score, Path(file), Path(folder), tokens)


def padded(oracle: str, file: str, tokens: int, folder: str, threads: int) -> dict[str, Any]:
    """Score the file with transformers: `BATCH` responses at a time, padded to the longest."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(threads)

    def score(pairs: Path, out: Path) -> None:
        tokenizer = AutoTokenizer.from_pretrained(oracle, padding_side="right")
        model = AutoModelForSequenceClassification.from_pretrained(oracle, dtype=torch.float32).eval()
        rows = [json.loads(line) for line in pairs.read_text(encoding="utf-8").splitlines()]
        texts = [row["prompt"] + row[name] + tokenizer.eos_token for row in rows for name in ("chosen", "rejected")]
        rewards: list[float] = []
        for at in range(0, len(texts), BATCH):
            batch = tokenizer(texts[at : at + BATCH], return_tensors="pt", padding=True)
            with torch.inference_mode():
                rewards += model(**batch).logits[:, 0].tolist()
        with out.open("w", encoding="utf-8") as sink:
            for row, chosen, rejected in zip(rows, rewards[0::2], rewards[1::2], strict=True):
                sink.write(json.dumps({**row, "reward_chosen": chosen, "reward_rejected": rejected}) + "\n")

    return _timed(score, Path(file), Path(folder), tokens)


def _timed(score: Callable[[Path, Path], None], file: Path, folder: Path, tokens: int) -> dict[str, Any]:
    """Score two rows, which loads what is loaded once a process, then time the whole file."""
    few, out = folder / "few.jsonl", folder / "scored.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    few.write_text("".join(lines[:2]), encoding="utf-8")
    score(few, folder / "few-scored.jsonl")
    begun = now()
    score(file, out)
    spent = since(begun)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    rewards = [row[name] for row in rows for name in ("reward_chosen", "reward_rejected")]
    return {**spent, "pairs": len(rows), "tokens": tokens, "rewards": rewards}
