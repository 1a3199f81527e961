"""Pages of 2 MiB: a large model's process has none, a small one's keeps them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import plain
import toy

from drdoctl.spec.model import NewModel
from drdoctl.train import pages
from drdoctl.train.models import load_policy, new_lm, save_policy
from drdoctl.train.reward_model import load_reward_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's pages")
ASKED = """
import ctypes
from types import SimpleNamespace
from drdoctl.train.pages import reset, settle
reset()  # the tests' own process may have left it set
settle(SimpleNamespace(num_hidden_layers={layers}, hidden_size={hidden}))
print(ctypes.CDLL(None).prctl(42, 0, 0, 0, 0))  # PR_GET_THP_DISABLE
"""


def test_whoever_loads_or_makes_a_model_settles_it(monkeypatch, tmp_path):
    """A student, a reward model and a new model: each asks once, by its own configuration."""
    asked = []
    monkeypatch.setattr(pages, "settle", lambda config: asked.append(config.hidden_size))
    oracle, student = toy.write_oracle(tmp_path / "oracle", "llama"), tmp_path / "student"
    save_policy(plain.policy(plain.fields("llama")), student, tmp_path / "oracle-tokenizer")
    width = plain.fields("llama")["hidden_size"]
    load_policy(student)
    load_reward_model(oracle)
    fields = NewModel(hidden_size=32, layers=1, heads=2, max_positions=16).model_dump()
    new_lm(fields, 0, 64, {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})
    assert asked == [width, width, 32]


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
