"""Without any network, in a network namespace of its own: what needs none works, and what does says so soon."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import TINY

from drdoctl.store.artifact import Store

THINGS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_things.py"))
SPEC = TINY + "version: 1\nname: alone\npublish: {student: zoo/alone, license: mit}\n"
SOON = 15
"""Seconds after which a command that needs the network must have said so."""


def _may_unshare():
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not _may_unshare(), reason="needs `unshare -n`, and the right to use it")


UP = """\
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
    fcntl.ioctl(made, 0x8914, struct.pack("16sh", b"lo", 0x41))  # SIOCSIFFLAGS: up and running
os.execv(sys.executable, [sys.executable, "-m", "drdoctl", *sys.argv[1:]])
"""
"""Brings up the loopback device, which every machine has, and becomes drdoctl."""


def alone(tmp_path, *arguments):
    """Run one command line where there is no network but this machine's own; return exit code, output, seconds."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("HF_") and "proxy" not in key.lower()}
    env |= {"HF_HOME": str(tmp_path / "hf"), "HF_TOKEN": "hf_nobody", "CI": "1", "OMP_NUM_THREADS": "1"}
    command = ["unshare", "-n", sys.executable, "-c", UP, *arguments, "--store", str(tmp_path / "store")]
    began = time.monotonic()
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr, time.monotonic() - began


@pytest.mark.slow
def test_a_whole_apply_and_its_publication(tmp_path):
    """Plan, apply with a publish stage into a folder, plan again, and pull of what was published: all end well."""
    spec, zoo = tmp_path / "alone.yaml", str(tmp_path / "zoo")
    spec.write_text(SPEC + f"zoo: {zoo}\n")
    code, said, _ = alone(tmp_path, "apply", str(spec), "-y")
    assert code == 0, said
    code, said, _ = alone(tmp_path, "plan", str(spec), "--detailed-exitcode")
    assert code == 0, said
    code, said, _ = alone(tmp_path, "pull", "zoo/alone", "--zoo", zoo, "--to", str(tmp_path / "pulled"))
    assert code == 0, said
    assert (tmp_path / "pulled" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    "arguments",
    [("pull", "zoo/thing"), ("push", "ARTIFACT", "zoo/thing", "--no-probe"), ("ls", "zoo")],
    ids=lambda arguments: arguments[0],
)
def test_a_hub_that_cannot_be_reached_is_said_soon(arguments, tmp_path):
    """A verb that needs the Hub ends with 4 within 15 seconds, with a remedy and without a traceback."""
    store = Store(tmp_path / "store")
    store.prepare()
    name = THINGS["make_artifact"](store, "oracle")
    words = [name if word == "ARTIFACT" else word for word in arguments]
    code, said, seconds = alone(tmp_path, *words, "--zoo", "hub:org", "--json")
    assert code == 4, said
    assert "Traceback" not in said
    assert "hf_nobody" not in said
    fault = json.loads(said.splitlines()[-1])["error"]
    assert fault["code"] == "zoo-unreachable"
    assert "look at the network" in fault["hint"]
    assert seconds < SOON
