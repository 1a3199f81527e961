"""The zoo's verbs on the command line: what they print where, and with which exit code they end."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from drdoctl import cli
from drdoctl.store.artifact import Store

THINGS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_things.py"))


@pytest.fixture
def oracle(tmp_path, monkeypatch):
    """A complete oracle in `./.drdoctl`, and the zoo in `./zoo`; the value is the artifact's name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRDOCTL_STORE", raising=False)
    monkeypatch.setenv("DRDOCTL_ZOO", "zoo")
    store = Store(Path(".drdoctl"))
    store.prepare()
    return THINGS["make_artifact"](store, "oracle")


def test_push_and_pull(oracle, capsys):
    """Push prints the name with its tag, pull the artifact's folder; the licence is on stderr."""
    assert cli.run(["push", oracle, "zoo/thing", "--no-probe", "--tag", "v1", "--license", "mit"]) == 0
    pushed = capsys.readouterr()
    assert pushed.out == "zoo/thing@v1\n"
    assert "licence" not in pushed.err
    assert cli.run(["pull", "zoo/thing@v1", "--store", "other"]) == 0
    pulled = capsys.readouterr()
    assert pulled.out.strip() == str(Path("other/artifacts").absolute() / oracle)
    assert "licence: mit" in pulled.err
    assert cli.run(["pull", "zoo/thing@v1", "--store", "other"]) == 0
    assert "nothing to fetch" in capsys.readouterr().err


def test_push_by_a_names_beginning_and_without_licence(oracle, capsys):
    """The beginning of a name is enough, and a card without a licence is warned about."""
    assert cli.run(["push", "oracle-", "zoo/thing@v3", "--no-probe"]) == 0
    seen = capsys.readouterr()
    assert seen.out == "zoo/thing@v3\n"
    assert "warning: the card states no licence" in seen.err


def test_dry_runs_change_nothing(oracle, capsys, tmp_path):
    """Both dry runs list each file with its size; nothing is written anywhere."""
    assert cli.run(["push", oracle, "zoo/thing", "--no-probe", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "config.json\t94 B"
    assert not (tmp_path / "zoo").exists()
    assert cli.run(["push", oracle, "zoo/thing", "--no-probe", "--json"]) == 0
    pushed = {*json.loads(capsys.readouterr().out)["files"], "drdoctl.json"}
    assert {line.split("\t")[0] for line in lines} == pushed
    assert cli.run(["pull", "zoo/thing", "--dry-run", "--store", "other"]) == 0
    assert "model.safetensors\t1.1 kB" in capsys.readouterr().out
    assert not (tmp_path / "other").exists()


def test_json(oracle, capsys):
    """With `--json` stdout is one document, with every file's hash."""
    assert cli.run(["push", oracle, "zoo/thing", "--no-probe", "--json"]) == 0
    pushed = json.loads(capsys.readouterr().out)
    assert cli.run(["pull", "zoo/thing", "--json", "--store", "other"]) == 0
    pulled = json.loads(capsys.readouterr().out)
    assert pushed["format"] == pulled["format"] == 1
    assert pushed["files"] == pulled["files"]
    assert pushed["revision"] == pulled["revision"]
    assert set(pulled["fetched"]) == set(THINGS["FILES"])


def test_pull_to_a_folder(oracle, capsys):
    """`--to DIR` prints the folder, which `verify` accepts."""
    cli.run(["push", oracle, "zoo/thing", "--no-probe"])
    assert cli.run(["pull", "zoo/thing", "--to", "models/oracle"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "models/oracle"
    assert cli.run(["verify", "models/oracle"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["pull", "zoo/thin"], 4, "did you mean `thing`?"),
        (["pull", "thing"], 2, "is not a name in the zoo"),
        (["pull", "zoo/thing@v9"], 4, "no revision `v9`"),
        (["pull", "zoo/thing", "--zoo", "hub:org", "--offline"], 4, "offline run"),
        (["push", "oracle-zzz", "zoo/thing"], 2, "no complete artifact"),
        (["push", "oracle-", "zoo/../thing"], 2, "is not a name in the zoo"),
        (["push", "oracle-", "zoo/thing@v1", "--tag", "v2"], 2, "two tags"),
        (["verify", "nothing"], 2, "no complete artifact"),
        (["verify", "zoo/thin"], 4, "did you mean `thing`?"),
    ],
)
def test_errors(oracle, capsys, arguments, code, named):
    """Each mistake ends with its code, on stderr alone, in words that name the remedy."""
    cli.run(["push", oracle, "zoo/thing", "--no-probe"])
    capsys.readouterr()
    assert cli.run(arguments) == code
    seen = capsys.readouterr()
    assert named in seen.err
    assert seen.out == ""


def test_tampered_zoo(oracle, capsys, tmp_path):
    """A changed blob is exit 5 for pull and verify, names the file, and installs nothing."""
    cli.run(["push", oracle, "zoo/thing", "--no-probe"])
    (blob,) = [path for path in (tmp_path / "zoo/blobs").rglob("*") if path.is_file() and path.stat().st_size > 1000]
    blob.write_bytes(blob.read_bytes()[:-1] + b"\1")
    capsys.readouterr()
    for arguments in (["pull", "zoo/thing", "--store", "other"], ["verify", "zoo/thing"]):
        assert cli.run(arguments) == 5
        assert "`model.safetensors` of `zoo/thing`: it has another sha256" in capsys.readouterr().err
    assert not list((tmp_path / "other/artifacts").iterdir())
