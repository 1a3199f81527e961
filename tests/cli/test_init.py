"""`drdoctl init`, and the command line's frame: errors, exit codes, signals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from drdoctl.cli import run
from drdoctl.shipped import recipes
from drdoctl.spec.load import load


@pytest.mark.parametrize("recipe", sorted(recipes()))
def test_a_copy_of_a_recipe_is_a_good_spec(recipe, tmp_path, capsys):
    """Every recipe can be started from, keeps its comments, and begins with the schema's place."""
    target = tmp_path / "my.yaml"
    assert run(["init", str(target), "--from", recipe]) == 0
    assert capsys.readouterr().out.strip() == str(target)
    text = target.read_text(encoding="utf-8")
    schema = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert json.loads(Path(schema).read_text(encoding="utf-8"))["title"] == "drdoctl spec"
    assert load(target).spec == load(recipes()[recipe]).spec
    assert f"drdoctl apply {target}" in text


def test_nothing_is_overwritten_without_force(tmp_path, capsys):
    """A file that is there stays as it is, and the error says how to overwrite it."""
    target = tmp_path / "my.yaml"
    target.write_text("mine")
    assert run(["init", str(target)]) == 2
    assert target.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert run(["init", str(target), "--force"]) == 0
    assert target.read_text() != "mine"


def test_a_folder_takes_the_recipes_name(tmp_path, capsys):
    """`init DIR` writes DIR/RECIPE.yaml; with `--json` the path is in the document."""
    assert run(["init", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(tmp_path / "quickstart.yaml")


def test_unknown_recipes_are_guessed(capsys):
    """A misspelt recipe is an error with the likely one."""
    assert run(["init", "--from", "quikstart"]) == 2
    assert "did you mean `quickstart`?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["chekc"], "did you mean `check`?"),
        (["check", "x.yaml", "--resolvd"], "did you mean `--resolved`?"),
        (["check"], "missing argument"),
        (["schema", "spec", "--color", "blue"], "`--color`"),
        (["check", "no-such-file.yaml"], "error[no-file]"),
    ],
)
def test_wrong_usage_is_exit_2_without_traceback(argv, words, capsys):
    """Usage errors look like all others."""
    assert run(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error[")
    assert words in err
    assert "Traceback" not in err


def test_errors_are_json_lines_with_json(capsys):
    """With `--json`, stderr has one JSON object a fault, and stdout stays empty."""
    assert run(["check", "no-such-file.yaml", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    fault = json.loads(err)["error"]
    assert fault["code"] == "no-file"


def test_a_bug_is_one_line_and_exit_1(monkeypatch, capsys):
    """An unexpected exception says how to see the traceback; `-v` shows it."""

    def broken(*_):
        raise RuntimeError("wires\ncrossed")

    monkeypatch.setattr("drdoctl.cli.init.recipes", broken)
    assert run(["init"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error[internal]: internal error: RuntimeError: wires crossed\n")
    assert "`drdoctl init -v`" in err
    assert "Traceback" not in err
    assert run(["init", "-v"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_exit_130(monkeypatch, capsys):
    """An interrupt anywhere ends without a traceback."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("drdoctl.cli.init.recipes", interrupted)
    assert run(["init"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_closed_pipe_is_quiet():
    """Whoever reads stdout may stop early: no traceback, and the shell's code for it."""
    reader = "import sys; sys.stdin.readline()"
    command = f"{sys.executable} -m drdoctl schema spec | {sys.executable} -c '{reader}'; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("drdoctl che", {"check"}),
        ("drdoctl init --from quick", {"quickstart"}),
        ("drdoctl ls meth", {"methods"}),
        ("drdoctl show dr", {"drdo"}),
        ("drdoctl show zoo/oracle-n", {"zoo/oracle-notes"}),
        ("drdoctl check --res", {"--resolved"}),
    ],
)
def test_shells_complete_verbs_options_and_names(words, offered):
    """Completion answers from the folders, without running anything."""
    count = len(words.split()) - 1
    env = {**os.environ, "_DRDOCTL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    done = subprocess.run([sys.executable, "-m", "drdoctl"], env=env, capture_output=True, text=True, check=False)
    assert {line.split(",")[1] for line in done.stdout.splitlines()} == offered
    assert done.stderr == ""
