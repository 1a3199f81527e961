"""The console: data and talk apart, no colour where none is wanted, nothing lost to an alphabet."""

from __future__ import annotations

import io
import json
import re

import pytest

from drdoctl.cli.console import Console, render_fault
from drdoctl.core.errors import Fault, UserError, Where

FAULT = Fault("unknown-field", "`gama` is not a field", Where("s.yaml", 7, 3, "  gama: 2"), "did you mean `gamma`?")


def test_faults_look_like_a_compilers():
    """Code, sentence, place, source line with a caret, remedy."""
    assert render_fault(FAULT).plain.splitlines() == [
        "error[unknown-field]: `gama` is not a field",
        "  --> s.yaml:7:3",
        "   7 |   gama: 2",
        "     |   ^",
        "hint: did you mean `gamma`?",
    ]


def test_long_lines_are_cut_around_the_caret():
    """A source line of any length shows the place, and the caret is below it."""
    shown = render_fault(Fault("x", "y", Where("s.yaml", 1, 5001, "a" * 5000 + "B" + "c" * 5000))).plain.splitlines()
    assert len(shown[2]) < 120
    assert shown[2][shown[3].index("^")] == "B"


def test_data_goes_to_stdout_and_talk_to_stderr(capsys):
    """Whatever is said, stdout holds the result alone."""
    console = Console()
    console.info("working")
    console.warning("doubt")
    console.hint("next")
    console.data("[bold]result[/bold] " + "x" * 300)
    out, err = capsys.readouterr()
    assert out == "[bold]result[/bold] " + "x" * 300 + "\n"
    assert err == "working\nwarning: doubt\n"


def test_quiet_leaves_warnings_and_errors(capsys):
    """`-q` silences what is not the result, a doubt or a fault."""
    console = Console(quiet=True)
    console.info("working")
    console.warning("doubt")
    console.errors(UserError([FAULT, FAULT]))
    err = capsys.readouterr().err
    assert "working" not in err
    assert "doubt" in err
    assert err.count("error[") == 2


def test_json_makes_stderr_json_lines(capsys):
    """With `--json` each fault and warning is one JSON object; plain talk is left out."""
    console = Console(as_json=True)
    console.info("working")
    console.warning("doubt")
    console.error(FAULT)
    console.json({"a": 1})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": 1}
    lines = [json.loads(line) for line in err.splitlines()]
    assert lines[0] == {"warning": "doubt"}
    assert lines[1]["error"]["where"] == {"file": "s.yaml", "line": 7, "column": 3}


@pytest.mark.parametrize(
    ("color", "env", "colored"),
    [
        ("auto", {}, False),
        ("always", {}, True),
        ("never", {}, False),
        ("always", {"NO_COLOR": "1"}, False),
        ("auto", {"TERM": "dumb"}, False),
    ],
)
def test_colour_follows_the_option_and_the_environment(color, env, colored, capsys, monkeypatch):
    """No colour into a pipe unless asked for; NO_COLOR always wins."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    Console(color=color).error(FAULT)
    assert bool(re.search(r"\x1b\[[\d;]*3[1-6]", capsys.readouterr().err)) == colored


def test_many_faults_are_counted(capsys):
    """A thousand faults do not flood the screen."""
    Console().errors(UserError([FAULT] * 1000))
    err = capsys.readouterr().err
    assert err.count("error[") == 100
    assert "900 more faults" in err


def test_rows_with_one_fault_are_one_fault_to_people(capsys):
    """Neighbours that say the same of a file's rows are shown once, with their lines; JSON has each."""
    rows = [Fault("x", "there is no `a`", Where("f.jsonl", line)) for line in (1, 2, 5)]
    faults = UserError([*rows, Fault("x", "there is no `a`", Where("g.jsonl", 1)), FAULT, FAULT])
    Console().errors(faults)
    err = capsys.readouterr().err
    assert err.count("error[") == 4
    assert "f.jsonl:1\nthe same at lines 2, 5\n\n" in err
    Console().errors(UserError([Fault("x", "there is no `a`", Where("f.json", 1))] * 3))
    assert "f.json:1\nthe same at line 1\n" in capsys.readouterr().err
    Console(as_json=True).errors(faults)
    assert capsys.readouterr().err.count('{"error"') == 6


class _Ascii(io.TextIOWrapper):
    def __init__(self):
        super().__init__(io.BytesIO(), encoding="ascii", errors="backslashreplace")

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode()


def test_an_ascii_stream_gets_ascii(monkeypatch):
    """JSON is escaped where stdout cannot hold it, and stays the same JSON."""
    stream = _Ascii()
    monkeypatch.setattr("sys.stdout", stream)
    Console().json({"name": "café …"})
    assert json.loads(stream.text()) == {"name": "café …"}


def test_progress_without_a_terminal_is_a_line_now_and_then(capsys, monkeypatch):
    """Milestones are always said; moving lines at most every 30 seconds, and never with DRDOCTL_NO_PROGRESS."""
    clock = iter([0.0, 10.0, 31.0, 31.0, 40.0])
    monkeypatch.setattr("drdoctl.cli.console.time.monotonic", lambda: next(clock))
    with Console().progress() as live:
        live.update("step 1")
        live.update("step 2")
        live.update("step 3")
    assert capsys.readouterr().err == "step 2\n"
    monkeypatch.undo()
    monkeypatch.setenv("DRDOCTL_NO_PROGRESS", "1")
    with Console().progress() as live:
        live.update("step 4")
        live.milestone("done")
    assert capsys.readouterr().err == "done\n"


def test_what_strangers_wrote_moves_no_terminal(capsys):
    """Control characters in data, tables, talk and faults are shown, not obeyed; lines of data stay."""
    console, evil = Console(), "a\x1b[2Jb\x9bc"
    console.data(f"{evil}\nnext")
    console.table(("one", "two"), [("a\tb\nc", evil)])
    console.info(evil)
    console.errors(UserError(f"`{evil}` is bad", hint=evil))
    out, err = capsys.readouterr()
    shown = r"a\x1b[2Jb\x9bc"
    assert out == f"{shown}\nnext\na\\tb\\nc\t{shown}\n"
    assert err.count(shown) == 3
    assert not set(out + err) & {"\x1b", "\x9b"}
