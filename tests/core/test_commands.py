"""Programs that a spec names: words, what is filled in, and what is lacking to start them."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.commands import SERVE, not_ready, placeholders, program, quoted, words

HOUSE = Path(__file__).parents[2] / "drdoctl"
COMMAND = re.compile(r"^drdoctl [a-z{][^`;]*$|`(?:drdoctl|rm|pgrep|hf) [^`]*`")
"""A command within a text; what is filled in is `{}`."""
OUR_OWN = {
    "cli/_card.py": {"ref", "zoo"},
    "cli/_child.py": {"verb"},
    "cli/_search.py": {"what"},
    "cli/show.py": {"kind", "listing", "thing[0]"},
    "data/_hub.py": {"name"},
    "plan/saved.py": {"sets"},
    "report/sections/repeat.py": {"given", "verb"},
    "spec/eval_files.py": {"one.name"},
    "spec/faults.py": {"kind", "spot.kind", "spot.tag"},
    "zoo/shelf.py": {"name", "spec"},
}
"""What stands in a command as it is: names that drdoctl gives or has looked at, and words that were quoted before."""

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


@given(st.text(min_size=1).filter(lambda text: "\x00" not in text))
def test_a_quoted_value_is_one_word(value):
    """A shell reads back what was quoted, whatever it holds."""
    assert shlex.split(f"rm -r {quoted(value)} end") == ["rm", "-r", value, "end"]
    assert quoted(Path("a b")) == "'a b'"


def bare(tree):
    """Return what the f-strings of a module put into commands without quotes."""
    found = []
    for text in ast.walk(tree):
        if not isinstance(text, ast.JoinedStr):
            continue
        values = [part.value for part in text.values if isinstance(part, ast.FormattedValue)]
        marks = iter(range(len(values)))
        plain = "".join(part.value if isinstance(part, ast.Constant) else f"{{{next(marks)}}}" for part in text.values)
        inside = [int(mark) for command in COMMAND.findall(plain) for mark in re.findall(r"\{(\d+)\}", command)]
        calls = [values[mark] for mark in inside if not ast.unparse(values[mark]).startswith("quoted(")]
        found += [ast.unparse(value) for value in calls]
    return found


def test_commands_in_hints_hold_no_bare_paths():
    """In all of the house, whatever a hint's command is given is quoted, unless it is a name of drdoctl's own."""
    assert bare(ast.parse("f'`rm -r {quoted(folder)}`, then {x}'")) == []
    assert bare(ast.parse("f'see {x}: `rm -r {folder}`'")) == ["folder"]
    for path in HOUSE.rglob("*.py"):
        found = set(bare(ast.parse(path.read_text(encoding="utf-8"))))
        assert found <= OUR_OWN.get(path.relative_to(HOUSE).as_posix(), set()), path


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
