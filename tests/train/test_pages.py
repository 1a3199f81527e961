"""Pages of 2 MiB: a large model's process has none, a small one's keeps them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's pages")
ASKED = """
import ctypes
from types import SimpleNamespace
from drdoctl.train.pages import reset, settle
reset()  # the tests' own process may have left it set
settle(SimpleNamespace(num_hidden_layers={layers}, hidden_size={hidden}))
print(ctypes.CDLL(None).prctl(42, 0, 0, 0, 0))  # PR_GET_THP_DISABLE
"""


@pytest.mark.parametrize(
    ("layers", "hidden", "accelerator", "disabled"),
    [(4, 256, "cpu", "0"), (30, 576, "cpu", "1"), (30, 576, "", "0")],
)
def test_only_a_large_model_on_a_cpu_gives_them_up(layers, hidden, accelerator, disabled):
    """In a process of its own, for the kernel's answer is for the whole process."""
    env = {**os.environ, "DS_ACCELERATOR": accelerator}
    text = ASKED.format(layers=layers, hidden=hidden)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == disabled
