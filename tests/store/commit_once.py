"""Fill and commit one made-up artifact: `python commit_once.py STORE`."""

import json
import sys
from pathlib import Path

from drdoctl.stages import Want
from drdoctl.store.artifact import Store

WANT = Want("sft", 1, {"seed": 1, "student.sft.epochs": 2.0}, {"data": Want("data", 1, {"seed": 1})}, {"base": "ab"})


def fill(store, want=WANT):
    """Leave a stage's results and work files in its folder in progress."""
    folder, _ = store.open_partial(want)
    (folder / "job.json").write_text(json.dumps({"fingerprint": want.fingerprint}))
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 64)
    (folder / "tokenizer").mkdir(exist_ok=True)
    (folder / "tokenizer" / "tokenizer.json").write_text("{}")
    (folder / "log.txt").write_text("hello\n")
    (folder / "checkpoints" / "step-7").mkdir(parents=True, exist_ok=True)
    (folder / "checkpoints" / "step-7" / "manifest.json").write_text("{}")
    (folder / "progress.json").write_text(json.dumps({"step": 9, "steps": 12, "unit": "step", "checkpoint": None}))
    return folder


if __name__ == "__main__":
    here = Store(Path(sys.argv[1]))
    fill(here)
    here.commit(WANT, "toy", {}, 1)
