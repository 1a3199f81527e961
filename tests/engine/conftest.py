import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from drdoctl.engine import launch
from drdoctl.store.artifact import Store

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for what the tests share


def _load(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def fake_worker(monkeypatch):
    """Let children run the made-up stages."""
    monkeypatch.setattr(launch, "WORKER", "fake_stages")
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)


@pytest.fixture(scope="session")
def toy():
    """Return the module that makes the small plan."""
    return _load("fake_apply")


@pytest.fixture
def store(tmp_path):
    """Return a prepared store."""
    made = Store(tmp_path / "store")
    made.prepare()
    return made


@pytest.fixture
def start_apply():
    """Return a function that starts an apply as a process: (store, steps, seconds, **environment)."""
    started = []

    def start(root, steps=3, seconds=0.0, **env):
        process = subprocess.Popen(
            [sys.executable, str(HERE / "fake_apply.py"), str(root), str(steps), str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
