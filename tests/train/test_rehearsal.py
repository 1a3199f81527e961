"""What the warm process does once, for all the children that it forks."""

import json
import subprocess
import sys

PROBE = """
import importlib, json, os, sys
from drdoctl.engine.warm import AHEAD
for name in AHEAD:
    importlib.import_module(name)
tasks, files, before = os.listdir("/proc/self/task"), os.listdir("/proc/self/fd"), dict(os.environ)
from drdoctl.train.rehearsal import rehearse
rehearse()
import torch
print(json.dumps({
    "threads": len(os.listdir("/proc/self/task")) - len(tasks),
    "files": len(os.listdir("/proc/self/fd")) - len(files),
    "environment": dict(os.environ) == before,
    "group": torch.distributed.is_initialized(),
    "llama": "transformers.models.llama.modeling_llama" in sys.modules,
    "unwanted": [name for name in ("pandas", "peft", "datasets") if name in sys.modules],
}))
"""


def test_nothing_is_left_that_a_fork_would_break():
    """It starts no thread that stays, leaves files, environment and process group alone, and imports what it should."""
    said = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert json.loads(said.stdout.splitlines()[-1]) == {
        "threads": 0,
        "files": 0,
        "environment": True,
        "group": False,
        "llama": True,
        "unwanted": [],
    }
