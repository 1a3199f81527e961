"""The size of the memory pages that a process works in."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

from drdoctl.core.micro import wide

PR_SET_THP_DISABLE = 41
"""Linux's prctl: no pages of 2 MiB from here on, in what this process starts neither."""


def reset() -> None:
    """Allow them again, for a program of the user's that this process turns into, or starts."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0)


def settle(config: Any) -> None:
    """Ask for no more pages of 2 MiB before a large model is made or loaded. `config`: its transformers configuration.

    In a small model they save 0.06 s of the first step (`core.allocator` has malloc ask for them). A large one maps
    blocks of more than 32 MiB anew in every step, and on a virtual machine whose host takes back what is free each such
    page can cost milliseconds: a tenth of SmolLM2-135M's step (experiments/memory-allocator.md). Not where a GPU may
    compute: there it was not measured.
    """
    on_cpu = os.environ.get("DS_ACCELERATOR") == "cpu"  # `engine.launch` settles it
    if sys.platform == "linux" and on_cpu and wide(config.num_hidden_layers, config.hidden_size):
        ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
