"""Signing on the command line and in a spec: keys that are missing are said before anything is done."""

from __future__ import annotations

import runpy
import subprocess
from pathlib import Path

import pytest
from tiny import TINY

from drdoctl import cli
from drdoctl.store.artifact import Store

THINGS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_things.py"))


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """A pair of keys as the help makes them, and a store with one oracle in `./.drdoctl`; the value is its name."""
    pytest.importorskip("model_signing")
    monkeypatch.chdir(tmp_path)
    for name in ("DRDOCTL_STORE", "DRDOCTL_VERIFY_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRDOCTL_ZOO", "zoo")
    made = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem"]
    try:
        subprocess.run(made, check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"], check=True)
    except FileNotFoundError:
        pytest.skip("needs openssl")
    store = Store(Path(".drdoctl"))
    store.prepare()
    return THINGS["make_artifact"](store, "oracle")


def test_sign_and_verify(keys, monkeypatch, capsys):
    """Keys made with openssl sign and verify; so does the environment's key; what nobody signed is exit 5."""
    assert cli.run(["push", keys, "zoo/thing", "--no-probe", "--sign-key", "key.pem"]) == 0
    assert cli.run(["pull", "zoo/thing", "--store", "other", "--verify-key", "public.pem"]) == 0
    assert "signed by the owner of `public.pem`" in capsys.readouterr().err
    monkeypatch.setenv("DRDOCTL_VERIFY_KEY", "public.pem")
    assert cli.run(["verify", "zoo/thing"]) == 0
    assert cli.run(["push", keys, "zoo/bare", "--no-probe"]) == 0
    capsys.readouterr()
    assert cli.run(["pull", "zoo/bare", "--store", "third"]) == 5
    assert "has no `model.sig`" in capsys.readouterr().err
    assert not list(Path("third").glob("artifacts/*"))


def test_a_folder_as_the_library_sees_it(keys):
    """What `--to` leaves is what `model_signing verify key` accepts, without further options."""
    assert cli.run(["push", keys, "zoo/thing", "--no-probe", "--sign-key", "key.pem"]) == 0
    assert cli.run(["pull", "zoo/thing", "--to", "model", "--no-probe"]) == 0
    assert cli.run(["verify", "model", "--verify-key", "public.pem", "--no-probe"]) == 0
    from click.testing import CliRunner
    from model_signing._cli import main

    asked = ["verify", "key", "model", "--signature", "model/model.sig", "--public_key", "public.pem"]
    done = CliRunner().invoke(main, asked)
    assert (done.exit_code, done.output.strip()) == (0, "Verification succeeded"), done.output
    Path("model/config.json").write_text("{}", encoding="utf-8")
    assert CliRunner().invoke(main, asked).exit_code == 1
    assert cli.run(["verify", "model", "--verify-key", "public.pem", "--no-probe"]) == 5


@pytest.mark.parametrize(
    "arguments",
    [["push", "ORACLE", "zoo/thing", "--sign-key", "absent.pem"], ["pull", "zoo/thing", "--verify-key", "absent.pem"]],
)
def test_a_key_that_is_not_there(keys, arguments, capsys):
    """A path without a key is exit 2 before the model is loaded or the zoo asked."""
    assert cli.run([keys if word == "ORACLE" else word for word in arguments]) == 2
    assert "no key `absent.pem`" in capsys.readouterr().err
    assert not Path("zoo").exists()


def test_a_spec_whose_key_is_not_there(tmp_path, monkeypatch, capsys):
    """`publish.sign_key` without its file stops an apply before its first stage."""
    monkeypatch.chdir(tmp_path)
    text = "version: 1\nname: signed\nzoo: zoo\npublish: {student: zoo/mine, sign_key: absent.pem}\n"
    Path("spec.yaml").write_text(text + TINY, encoding="utf-8")
    assert cli.run(["apply", "spec.yaml", "-y", "--store", "store"]) == 2
    assert "`publish.sign_key`: there is no file" in capsys.readouterr().err
    assert not list(Path("store").glob("artifacts/*"))
