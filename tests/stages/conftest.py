from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))

from plan_world import World


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Return a spec, what it points at, and a store, on a machine that knows nothing of the Hub."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.delenv("DRDOCTL_ZOO", raising=False)
    return World(tmp_path)
