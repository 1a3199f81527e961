"""Programs that a spec names: words, what is filled in, and what is lacking to start them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.commands import SERVE, not_ready, placeholders, program, words

READY = {"key_env": None, "url": None, "command": f"{sys.executable} -m server {{model}}"}


def test_words_are_split_before_they_are_filled_in():
    """Quotes bind words, a value with spaces or quotes stays one word, and braces that name nothing stay."""
    line = words("""run {model} --json '{"a": 1}' {other}""", {"model": "a 'b' c"})
    assert line == ["run", "a 'b' c", "--json", '{"a": 1}', "{other}"]
    with pytest.raises(ValueError, match="quotation"):
        words("run 'open")


@given(st.text(min_size=1).filter(lambda text: "\x00" not in text))
def test_a_value_is_never_taken_apart(value):
    """Whatever a value holds, it arrives as it is, and what it looks like is not filled in again."""
    assert words("serve {model}", {"model": value, "port": "1"}) == ["serve", value]


def test_placeholders_come_once():
    """Each name in braces is told once, in order."""
    assert placeholders("{model} {port} {model}") == ["model", "port"]
    assert placeholders(SERVE) == ["model", "name", "dtype", "port"]


def test_programs_are_found_on_the_path_and_beside_python(tmp_path, monkeypatch):
    """A program on PATH wins over one beside the interpreter; a path is taken as it is; else there is none."""
    for folder in ("first", "beside"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "server").write_text("#!/bin/sh\n")
        (tmp_path / folder / "server").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "beside" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program("server") == str(tmp_path / "beside" / "server")
    monkeypatch.setenv("PATH", str(tmp_path / "first"))
    assert program("server") == str(tmp_path / "first" / "server")
    assert program(str(tmp_path / "beside" / "server")) == str(tmp_path / "beside" / "server")
    assert program("no-such-program") is None
    assert program(str(tmp_path / "server")) is None


def test_what_is_lacking(monkeypatch):
    """A key that is not set, or empty, and a program that is not there are told; with a URL nothing is started."""
    monkeypatch.delenv("SOME_KEY", raising=False)
    assert not_ready(READY) == []
    absent = {**READY, "key_env": "SOME_KEY", "command": "no-such-program {model}"}
    assert [fault.code for fault in not_ready(absent)] == ["no-key", "no-server"]
    assert [fault.code for fault in not_ready({**absent, "url": "http://h"})] == ["no-key"]
    monkeypatch.setenv("SOME_KEY", " ")
    assert [fault.code for fault in not_ready({**READY, "key_env": "SOME_KEY"})] == ["no-key"]
    monkeypatch.setenv("SOME_KEY", "x")
    assert not_ready({**READY, "key_env": "SOME_KEY"}) == []
    assert Path(program(sys.executable) or "").exists()
