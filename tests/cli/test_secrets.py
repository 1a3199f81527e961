"""A token in the environment, in a spec and in an address, and every verb: it is nowhere that anybody can read."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tiny import TINY

from drdoctl.cli import run

ZOO_TESTS = Path(__file__).parents[1] / "zoo"
CANARY = "hf_" + "CANARYcanary" * 3
PASSWORD = "swordfish-canary-password"
SPEC = TINY + "version: 1\nname: secret\npublish: {student: zoo/thing@v1, license: mit}\nzoo: hub:org\n"


@pytest.fixture
def hub():
    """A loopback Hub that takes the canary for its token."""
    sys.path.insert(0, str(ZOO_TESTS))
    import hub_server

    with hub_server.serve() as running:
        running.token = CANARY
        yield running
    sys.path.remove(str(ZOO_TESTS))


@pytest.fixture
def env(hub, tmp_path):
    """The environment of a user who is logged in by HF_TOKEN."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_") and "proxy" not in key.lower()}
    return kept | {
        "HF_ENDPOINT": hub.endpoint,
        "HF_TOKEN": CANARY,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "CI": "1",
        "OMP_NUM_THREADS": "1",
    }


class Watch:
    """Reads the command lines of all processes, again and again, while something runs."""

    def __init__(self, secrets):
        """`secrets`: what to look for."""
        self._secrets, self._stop = [secret.encode() for secret in secrets], threading.Event()
        self.hits: set[bytes] = set()
        self.seen: set[bytes] = set()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self):
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_):
        """End."""
        self._stop.set()
        self._thread.join()

    def _read(self):
        while not self._stop.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                self.seen |= {line} if b"drdoctl" in line else set()
                self.hits |= {line for secret in self._secrets if secret in line}


def leaks(folder, said, *secrets):
    """Return the files below a folder, and `output`, that hold a secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    found = [str(path) for path in files if any(secret.encode() in path.read_bytes() for secret in secrets)]
    return found + ["output"] * any(secret in said for secret in secrets)


def started(env, *arguments):
    """Run one command line as a process of its own, with -v; return its exit code and all it said."""
    command = [sys.executable, "-m", "drdoctl", *arguments, "-v"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def drdoctl(env, monkeypatch, capfd):
    """Run one command line in this process, with the same environment and -v."""
    from huggingface_hub import constants

    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("drdoctl.zoo.calls.PAUSE_SECONDS", 0.01)

    def call(*arguments):
        code = run([*arguments, "-v"])
        said = capfd.readouterr()
        return code, said.out + said.err

    return call


@pytest.mark.slow
def test_apply_and_every_verb_after_it(hub, env, drdoctl, tmp_path):
    """A whole apply with a publish stage, and each verb: no log, journal, plan, card, report or command line has it."""
    spec, store = tmp_path / "secret.yaml", tmp_path / "store"
    spec.write_text(SPEC)
    at = ("--store", str(store))
    with Watch([CANARY]) as watch:
        code, said = started(env, "apply", str(spec), "-y", *at)
    assert code == 0, said
    assert len(watch.seen) > 2
    assert watch.hits == set()
    assert any(sent for *_, sent in hub.log)
    lines = [
        (0, "plan", str(spec), "--out", str(tmp_path / "plan.json"), *at),
        (0, "plan", str(spec), "--json", *at),
        (0, "status", "--json", *at),
        (0, "report", str(spec), *at),
        (0, "doctor", str(spec), *at),
        (0, "ls", "zoo", "--zoo", "hub:org", *at),
        (0, "ls", "artifacts", *at),
        (0, "show", "zoo/thing", "--zoo", "hub:org", *at),
        (0, "verify", "zoo/thing@v1", "--zoo", "hub:org", *at),
        (0, "pull", "zoo/thing@v1", "--zoo", "hub:org", "--store", str(tmp_path / "other")),
        (0, "gc", "--dry-run", *at),
        (4, "pull", "zoo/absent", "--zoo", "hub:org", *at),
    ]
    for expected, *arguments in lines:
        code, more = drdoctl(*arguments)
        assert code == expected, more
        said += more
    hub.token = "hf_another"
    code, more = drdoctl("push", next((store / "artifacts").glob("align-*")).name, "zoo/thing", "--zoo", "hub:org", *at)
    assert code == 4, more
    said += more
    assert hub.repos["org/thing"].private
    assert leaks(tmp_path, said, CANARY) == []
    kept = [data for data in hub.blobs.values() if CANARY.encode() in data]
    assert kept == []


def test_a_crash_tells_no_token(env, tmp_path):
    """A bug that is shown with -v prints its traceback, and nothing of the environment."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'drdoctl' in ' '.join(sys.orig_argv):\n"
        "    import os\n"
        "    import drdoctl.store.status as module\n"
        "    def broken(*_, **__):\n"
        "        token = os.environ['HF_TOKEN']\n"
        "        raise KeyError('what is broken', len(token))\n"
        "    module.status = broken\n"
    )
    code, said = started({**env, "PYTHONPATH": str(tmp_path)}, "status", "--store", str(tmp_path / "store"))
    assert code == 1
    assert "Traceback" in said
    assert "what is broken" in said
    assert leaks(tmp_path, said, CANARY) == []


@pytest.mark.parametrize(
    "source",
    [
        f"{{jsonl: 'https://user:{PASSWORD}@host.example/pairs.jsonl'}}",
        f"{{hub: 'https://user:{PASSWORD}@host.example/org/data'}}",
        f"{{hub: org/data, revision: {CANARY}}}",
    ],
    ids=["jsonl", "hub", "revision"],
)
def test_a_secret_in_the_spec_goes_nowhere(source, drdoctl, tmp_path):
    """Each verb that reads the spec refuses it with exit 2, names the line without showing it, and leaves no file."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"version: 1\ndata: {{source: {source}}}\nstudent: {{model: org/model}}\nmethod: dpo\n")
    at = ("--store", str(tmp_path / "store"))
    for verb in ("check", "plan", "apply", "status", "report"):
        extra = () if verb == "check" else at
        code, said = drdoctl(verb, str(spec), *extra, *(("-y",) if verb == "apply" else ()))
        assert code == 2, said
        assert f"{spec}:2" in said
        assert CANARY not in said
        assert PASSWORD not in said
    assert not (tmp_path / "store").exists()


def test_a_secret_in_an_argument_is_not_kept(drdoctl, tmp_path):
    """A token given with --set is refused and neither shown nor written, also in JSON."""
    spec = tmp_path / "spec.yaml"
    spec.write_text("version: 1\ndata: {source: notes}\nstudent: {model: org/model}\nmethod: dpo\n")
    code, said = drdoctl(
        "plan", str(spec), "--set", f"student.revision={CANARY}", "--json", "--store", str(tmp_path / "s")
    )
    assert code == 2
    assert CANARY not in said
    assert not (tmp_path / "s").exists()
