"""Pages of 2 MiB: a large model's process has none, a small one's keeps them."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's pages")
ASKED = """
import ctypes
from types import SimpleNamespace
from drdoctl.train.pages import settle
settle(SimpleNamespace(num_hidden_layers={layers}, hidden_size={hidden}))
print(ctypes.CDLL(None).prctl(42, 0, 0, 0, 0))  # PR_GET_THP_DISABLE
"""


@pytest.mark.parametrize(("layers", "hidden", "disabled"), [(4, 256, "0"), (30, 576, "1")])
def test_only_a_large_model_gives_them_up(layers, hidden, disabled):
    """In a process of its own, for the kernel's answer is for the whole process."""
    text = ASKED.format(layers=layers, hidden=hidden)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == disabled
