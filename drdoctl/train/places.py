"""Where a stage's models come from: an earlier stage's artifact, or what the plan located outside the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from drdoctl.core.files import read_json
from drdoctl.stages import Job
from drdoctl.stages.planned import outside
from drdoctl.train.adapters import is_adapter

STUDENT = "student.model"
"""An adapter under the role `policy` is this spec's student's, also where an oracle starts from it."""


def data_report(job: Job) -> dict[str, Any]:
    """Return the data artifact's report."""
    return dict(read_json(job.input("data") / "report.json") or {})


def described(job: Job, who: str) -> dict[str, Any]:
    """Return what the data stage says of the student's or the oracle's tokenizer: its template, its end token."""
    known = data_report(job).get("tokenizers", {})
    return dict(known.get(who) or known.get("student") or {})


def tokenizer_folder(job: Job, who: str) -> Path:
    """Return the folder of the student's or the oracle's tokenizer; an oracle may share the student's."""
    own = job.input("data") / "tokenizer" / who
    return own if own.exists() else job.input("data") / "tokenizer" / "student"


def model_location(job: Job, role: str, key: str) -> dict[str, Any]:
    """Return where a model lies: the artifact under `role`, else the plan's location under `key`.

    An adapter that was trained here comes with its `base`: the artifact under that role, or the plan's location.
    """
    if role not in job.inputs:
        rounding = job.settings.get(f"{key.partition('.')[0]}.lora.quantize", "none")
        return {**_outside(job, key), "quantize": rounding}
    found: dict[str, Any] = {"path": str(job.input(role))}
    if is_adapter(found["path"]):
        below = STUDENT if role == "policy" else key
        if "base" in job.inputs:
            found["base"] = {"path": str(job.input("base"))}
        elif below in job.locations:
            found["base"] = _outside(job, below)
    return found


def _outside(job: Job, key: str) -> dict[str, Any]:
    """Return the plan's location, with what must lie there (`outside`: see `as_planned`).

    A new model also needs its seed, and the tokenizer's words and special tokens.
    """
    location = {**job.locations[key], "outside": outside(job, key)}
    if "new" in location:
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder(job, "student"), trust_remote_code=False)
        location["seed"] = job.settings["seed"]
        location["vocab_size"] = len(tokenizer)
        location["special"] = {
            name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")
        }
    return location
