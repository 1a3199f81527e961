"""The size of the memory pages that a process works in."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from drdoctl.core.micro import wide

PR_SET_THP_DISABLE = 41
"""Linux's prctl: no pages of 2 MiB from here on."""


def settle(config: Any) -> None:
    """Ask for no more pages of 2 MiB before a large model is made or loaded. `config`: its transformers configuration.

    In a small model they save a tenth of a second of the first step (`engine.launch` has malloc ask for them). A large
    one maps blocks of more than 32 MiB anew in every step, and on a virtual machine whose host takes back what is free
    each such page can cost milliseconds: a tenth of SmolLM2-135M's step (experiments/memory-allocator.md).
    """
    if sys.platform == "linux" and wide(config.num_hidden_layers, config.hidden_size):
        ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
