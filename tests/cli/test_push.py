"""`drdoctl push` to a Hub: the token is used and never shown."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from drdoctl import cli
from drdoctl.store.artifact import Store

ZOO_TESTS = Path(__file__).parents[1] / "zoo"
THINGS = runpy.run_path(str(ZOO_TESTS / "zoo_things.py"))


@pytest.fixture
def hub():
    """A loopback Hub."""
    sys.path.insert(0, str(ZOO_TESTS))
    import hub_server

    with hub_server.serve() as running:
        yield running
    sys.path.remove(str(ZOO_TESTS))


def test_two_tags(capsys):
    """A tag in the name and another beside it: exit 2, and the same command with one of them."""
    assert cli.run(["push", "oracle-1", "zoo/thing@v1", "--tag", "v2", "--zoo", "my zoo"]) == 2
    assert "`drdoctl push oracle-1 zoo/thing@v1 --zoo 'my zoo'`" in capsys.readouterr().err


def test_push_and_pull_as_a_user_does(hub, tmp_path):
    """With nothing but the environment set, both directions work, in private; the token is in no output and no file."""
    store = Store(tmp_path / "store")
    store.prepare()
    name = THINGS["make_artifact"](store, "oracle")
    env = {key: value for key, value in os.environ.items() if not key.startswith("HF_") and "proxy" not in key.lower()}
    env |= {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": hub.token, "HF_HOME": str(tmp_path / "hf")}

    def drdoctl(*arguments):
        command = [sys.executable, "-m", "drdoctl", *arguments, "--zoo", "hub:org", "-v"]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    at = ("--no-probe", "--store", str(tmp_path / "store"))
    pushed = drdoctl("push", name, "zoo/thing", "--tag", "v1", "--license", "mit", *at)
    pulled = drdoctl("pull", "zoo/thing@v1", "--store", str(tmp_path / "other"))
    hub.token = "hf_another"
    refused = drdoctl("push", name, "zoo/thing", *at)
    assert (pushed.returncode, pushed.stdout) == (0, "zoo/thing@v1\n"), pushed.stderr
    assert pulled.returncode == 0, pulled.stderr
    assert hub.repos["org/thing"].private
    assert refused.returncode == 4
    assert "HF_TOKEN" in refused.stderr
    said = "".join(one.stdout + one.stderr for one in (pushed, pulled, refused))
    assert env["HF_TOKEN"] not in said
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or env["HF_TOKEN"].encode() not in path.read_bytes(), path


def test_a_zoo_in_memory_is_no_place_to_push_to(tmp_path, capsys):
    """The model would be gone with the command: it is refused before anything is measured."""
    store = Store(tmp_path / "store")
    store.prepare()
    name = THINGS["make_artifact"](store, "oracle")
    assert cli.run(["push", name, "zoo/thing", "--zoo", "memory://x", "--store", str(store.root)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "gone when this process ends" in told.err
