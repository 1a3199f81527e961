"""The server of one stage: started with the right words, ended with the stage, and its failures said in its words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from drdoctl.core import processor
from drdoctl.core.allocator import ALLOCATOR
from drdoctl.core.commands import SERVE
from drdoctl.core.errors import StageFailed, UserError
from drdoctl.stages import Job
from drdoctl.train import serve
from drdoctl.train.serve import Served, api_url, command_line, endpoint, served_model

PROGRAM = Path(__file__).parent / "fake_server.py"
LIKE_VLLM = f"{sys.executable} {PROGRAM} {SERVE.removeprefix('vllm ')}"
NAME = "align-0123456789ab"
BODY = """
import sys, time
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_serve import make_job
from drdoctl.train.serve import Served, endpoint
with endpoint(make_job(Path({out!r}), {command!r}), Served(Path({out!r}), ("m",))) as server:
    Path({out!r}, "url").write_text(server.url)
    time.sleep(60)
"""


def make_job(out, command=LIKE_VLLM, minutes=1.0, **server):
    """Return an evaluation's job."""
    settings = {"command": command, "url": None, "concurrency": 3, "timeout_seconds": 5.0, "key_env": None, **server}
    return Job(
        kind="evaluate",
        id="evaluate[drdo]",
        artifact="evaluate-0",
        settings={"student.dtype": "bf16"},
        inputs={},
        locations={},
        resources={"server": settings, "timeout_minutes": minutes},
        out=str(out),
    )


def listens(url):
    """Tell whether a server answers."""
    try:
        urllib.request.urlopen(f"{url}/models", timeout=5).close()  # noqa: S310
    except OSError:
        return False
    return True


def until(look):
    """Wait until `look` returns true."""
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_started_and_ended_with_the_stage(tmp_path):
    """The server listens inside the stage and is gone after it."""
    with endpoint(make_job(tmp_path), Served(tmp_path, (NAME,))) as server:
        until(lambda: listens(server.url))
        server.check()
    assert not listens(server.url)


def test_ended_with_a_stage_that_fails(tmp_path, capfd):
    """The server ends with a stage that fails, and the stage's log gets what it said last."""
    seen = []

    def stage():
        with endpoint(make_job(tmp_path), Served(tmp_path, (NAME,))) as server:
            until(lambda: listens(server.url))
            seen.append(server.url)
            raise StageFailed("mine")

    with pytest.raises(StageFailed, match="mine"):
        stage()
    assert not listens(seen[0])
    assert "the last lines of" in capfd.readouterr().err


def test_ended_with_a_stage_that_is_killed(tmp_path):
    """No server outlives a stage's process that is killed outright."""
    code = BODY.format(tests=str(PROGRAM.parent), out=str(tmp_path), command=LIKE_VLLM)
    stage = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    until((tmp_path / "url").exists)
    url = (tmp_path / "url").read_text()
    until(lambda: listens(url))
    os.killpg(stage.pid, signal.SIGKILL)
    stage.wait()
    until(lambda: not listens(url))


def test_a_server_that_dies_says_why(tmp_path):
    """A server that ends by itself is an error with its exit code and its last words."""
    with (
        pytest.raises(StageFailed, match="ended with exit code 1: ValueError: this model has no weights") as caught,
        endpoint(make_job(tmp_path, f"{LIKE_VLLM} --dies"), Served(tmp_path, (NAME,))) as server,
    ):
        until(server.check)
    assert "server.log" in caught.value.faults[0].hint


def test_all_that_is_lacking_is_said(tmp_path, monkeypatch):
    """A program that is not installed and a key that is not set are faults of the user's, both at once."""
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    job = make_job(tmp_path, "no-such-server {model} --port {port}", key_env="NO_SUCH_KEY")
    with pytest.raises(UserError) as caught, endpoint(job, Served(tmp_path, (NAME,))):
        pass
    assert [fault.code for fault in caught.value.faults] == ["no-key", "no-server"]


def test_one_that_runs_already_is_left_alone(tmp_path, monkeypatch):
    """With a URL nothing is started; the key comes from the environment."""
    monkeypatch.setenv("SERVER_KEY", " secret\n")
    with endpoint(
        make_job(tmp_path, url="http://host:8000", key_env="SERVER_KEY"), Served(tmp_path, (NAME,))
    ) as server:
        assert (server.url, server.key) == ("http://host:8000/v1", "secret")
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://h:8000", "http://h:8000/v1"),
        ("http://h:8000/", "http://h:8000/v1"),
        ("https://h/v1/", "https://h/v1"),
        ("https://h/proxy/v1", "https://h/proxy/v1"),
    ],
)
def test_the_version_may_be_left_out(written, meant):
    """A URL without a path is one that ends in `/v1`; any other is taken as it is."""
    assert api_url(written) == meant


def test_the_command_is_filled_in(tmp_path):
    """Folder, name, arithmetic and port take their places; a folder with a space stays one word."""
    folder = tmp_path / "two words"
    line = command_line(SERVE, Served(folder, (NAME,)), "bf16", 8123)
    assert line[:3] == ["vllm", "serve", str(folder)]
    assert line[line.index("--served-model-name") + 1] == NAME
    assert line[line.index("--dtype") + 1] == "bfloat16"
    assert line[line.index("--port") + 1] == "8123"


def test_a_reward_head_is_not_served(tmp_path):
    """A server gets the model's folder, or one of links that lacks the reward head's file, by the artifact's name."""
    from drdoctl.train.models import HEAD_FILE

    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    job = make_job(tmp_path / "out")
    assert served_model(job, {"path": str(folder)}) == Served(folder, (NAME, str(folder)))
    (folder / HEAD_FILE).write_bytes(b"head")
    for _ in range(2):
        served = served_model(job, {"path": str(folder)})
        assert sorted(path.name for path in served.folder.iterdir()) == ["config.json", "model.safetensors"]
        assert (served.folder / "model.safetensors").read_bytes() == b"weights"
        assert served.names[0] == NAME


def test_what_no_server_loads_is_written_out(tmp_path, data):
    """A new model, which lies in no folder, is written out whole, with drdoctl's own weights, over what was left."""
    import torch

    from drdoctl.train.models import load_lm

    special = {"eos_token_id": 1, "pad_token_id": 0, "bos_token_id": None}
    fields = {
        "model_type": "llama", "hidden_size": 16, "layers": 1, "heads": 2, "mlp_size": None, "activation": "gelu",
        "max_positions": 64, "rope_theta": 1000.0, "tied": True, "init_std": 0.5,
    }  # fmt: skip
    location = {"new": fields, "seed": 3, "vocab_size": 40, "special": special}
    job = replace(make_job(tmp_path / "out"), inputs={"data": str(data)})
    served = served_model(job, location)
    assert served.names[0] == job.artifact
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in served.folder.iterdir()}
    written, own = load_lm({"path": str(served.folder)}), load_lm(location)
    assert torch.equal(written.get_input_embeddings().weight, own.get_input_embeddings().weight)
    whole = (served.folder / "model.safetensors").read_bytes()
    (served.folder / "model.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert served_model(job, location) == served
    assert (served.folder / "model.safetensors").read_bytes() == whole


def test_the_server_has_the_users_settings(monkeypatch, tmp_path):
    """What a stage is given for its own arithmetic and place is not the server's; what the user had set is."""
    (tmp_path / "cpuinfo").write_text(f"vendor_id : AuthenticAMD\nflags : {' '.join(processor.NEEDED)}\n")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    users = {"PATH": os.environ["PATH"], "OPENBLAS_CORETYPE": "Haswell"}
    given = {}
    monkeypatch.setattr(serve.os, "environ", {**users, **ALLOCATOR, **processor.blas(users), "RANK": "0"})
    monkeypatch.setattr(serve.subprocess, "Popen", lambda words, env, **more: given.update(env))
    with (tmp_path / "log").open("wb") as log:
        serve._start(["true"], log)
    assert given == users
