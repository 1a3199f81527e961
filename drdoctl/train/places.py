"""Where a stage's models come from: an earlier stage's artifact, or what the plan located outside the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from drdoctl.core.files import read_json
from drdoctl.stages import Job


def data_report(job: Job) -> dict[str, Any]:
    """Return the data artifact's report."""
    return dict(read_json(job.input("data") / "report.json") or {})


def tokenizer_folder(job: Job, who: str) -> Path:
    """Return the folder of the student's or the oracle's tokenizer; an oracle may share the student's."""
    own = job.input("data") / "tokenizer" / who
    return own if own.exists() else job.input("data") / "tokenizer" / "student"


def model_location(job: Job, role: str, key: str) -> dict[str, Any]:
    """Return where a model lies: the artifact under `role`, else the plan's location under `key`.

    A new model also needs its seed, and the tokenizer's vocabulary and special tokens.
    """
    if role in job.inputs:
        return {"path": str(job.input(role))}
    location = dict(job.locations[key])
    if "new" in location:
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder(job, "student"), trust_remote_code=False)
        location["seed"] = job.settings["seed"]
        location["vocab_size"] = len(tokenizer)
        location["special"] = {
            name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")
        }
    return location
