"""`drdoctl ls`."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import click
import pytest

from drdoctl.cli import run
from drdoctl.cli._search import COLUMNS
from drdoctl.cli.ls import SHOWN, WHAT
from drdoctl.methods import methods
from drdoctl.zoo.card import Base
from drdoctl.zoo.shelf import shipped_cards

THINGS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_things.py"))


@pytest.mark.parametrize("what", WHAT)
def test_lists_are_tables_and_json(what, tmp_path, capsys):
    """Every list is one row a line on stdout, and a versioned document with `--json`; an empty store is no error."""
    store = ["--store", str(tmp_path / "store")]
    assert run(["ls", what, "--json", *store]) == 0
    rows = json.loads(capsys.readouterr().out)[what]
    assert run(["ls", what, *store]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == [row["name"] for row in rows]
    assert all(line.count("\t") == len({**SHOWN, "zoo": COLUMNS}[what]) - 1 for line in lines)
    assert bool(rows) == (what not in ("runs", "artifacts"))


def test_methods_are_those_of_the_folder(capsys):
    """The folder is the registry."""
    assert run(["ls", "methods"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == list(methods())


def test_a_zoo_in_a_folder_is_listed(tmp_path, capsys):
    """`--zoo` names the place; an empty one has no names."""
    assert run(["ls", "zoo", "--zoo", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


@pytest.fixture
def filled(tmp_path, monkeypatch):
    """Return a zoo in a folder with one oracle, tagged v1."""
    monkeypatch.delenv("DRDOCTL_ZOO", raising=False)
    files = {"config.json": b"{}", "model.safetensors": THINGS["safetensors"]()}
    measured = {"accuracy": {"value": 0.75, "low": 0.7, "high": 0.8, "count": 512}}
    base = Base(ref="facebook/opt-1.3b")
    where = str(tmp_path / "shared")
    THINGS["publish"](where, tmp_path, files, "thing", "v1", base=base, quality=measured, license="mit")
    return where


@pytest.mark.parametrize("way", ["option", "environment", "config"])
def test_a_named_zoo_is_listed_with_what_tells_most(filled, way, tmp_path, capsys, monkeypatch):
    """`--zoo`, DRDOCTL_ZOO and the config file each name the zoo; a row has role, base, figure, licence and tags."""
    (tmp_path / "config.yaml").write_text(f"zoo: {filled}\n")
    if way == "environment":
        monkeypatch.setenv("DRDOCTL_ZOO", filled)
    elif way == "config":
        monkeypatch.setenv("DRDOCTL_CONFIG", str(tmp_path / "config.yaml"))
    assert run(["ls", "zoo", *(["--zoo", filled] if way == "option" else [])]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    row = dict(zip(COLUMNS, line.split("\t"), strict=True))
    assert row.pop("about").startswith("reward model, made by stage")
    assert row == {
        "name": "zoo/thing",
        "role": "oracle",
        "status": "published",
        "base": "facebook/opt-1.3b",
        "figure": "accuracy 0.75 [0.7, 0.8]",
        "license": "mit",
        "tags": "v1",
    }


def test_a_search_is_told_in_json(filled, capsys):
    """`--json` has numbers as numbers, and the revision's id."""
    asked = ["ls", "zoo", "--zoo", filled, "--tag", "v1", "--role", "oracle", "--json"]
    assert run([*asked, "--min", "accuracy=0.75"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["zoo"]
    of = {"against": None, "judge": None, "temperature": None}
    assert row["figure"] == row["figures"][0] == {"metric": "accuracy", "value": 0.75, "low": 0.7, "high": 0.8, **of}
    assert row["tags"] == ["v1"]
    assert len(row["revision"]) == 40
    assert run([*asked, "--min", "accuracy=0.76"]) == 0
    assert json.loads(capsys.readouterr().out)["zoo"] == []


def test_students_are_found_by_win_rate(filled, tmp_path, capsys):
    """The lowest of the win rates on test prompts counts, whatever flattering ones say, and is shown."""
    THINGS["publish"](filled, tmp_path, THINGS["FILES"], "pupil", role="student", kind="sft", figures=THINGS["FIGURES"])
    assert run(["ls", "zoo", "--zoo", filled, "--min", "win_rate=0.62"]) == 0
    assert capsys.readouterr().out == ""
    assert run(["ls", "zoo", "--zoo", filled, "--min", "win_rate=0.6"]) == 0
    assert "\twin_rate 0.61 [0.57, 0.65] against sft, by oracle, at temperature 0.7\t" in capsys.readouterr().out
    assert run(["ls", "zoo", "--zoo", filled, "--min", "win-rate=0.6"]) == 0
    assert "no card gives `win-rate`; did you mean `win_rate`?" in capsys.readouterr().err


def test_a_metric_that_no_card_gives_is_guessed(filled, capsys):
    """A misspelt metric finds nothing, and says which was meant."""
    assert run(["ls", "zoo", "--zoo", filled, "--min", "acuracy=0.5"]) == 0
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "no card gives `acuracy`; did you mean `accuracy`?" in seen.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["zoo", "--min", "accuracy"], "METRIC=VALUE"),
        (["zoo", "--min", "accuracy=nan"], "METRIC=VALUE"),
        (["zoo", "--min", "=0.5"], "METRIC=VALUE"),
        (["zoo", "--role", "judge"], "`judge` is not one of"),
        (["methods", "--role", "oracle", "--tag", "v1"], "`--role`, `--tag` has no effect on `drdoctl ls methods`"),
    ],
)
def test_wrong_searches(argv, words, capsys):
    """What cannot be meant is exit 2."""
    assert run(["ls", *argv]) == 2
    assert words in capsys.readouterr().err


def test_what_has_no_effect_is_left_out_of_the_hint(capsys):
    """The same command without the search's options, and with all else."""
    assert run(["ls", "methods", "--role=oracle", "--tag", "v1", "--store", "a b"]) == 2
    assert "leave it out: `drdoctl ls methods --store 'a b'`; what it searches" in capsys.readouterr().err


@pytest.mark.parametrize("columns", [80, 200])
def test_names_stay_whole_on_a_terminal(columns, capsys, monkeypatch):
    """Whatever its width, each name and each base model stands unbroken on a line."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert run(["ls", "zoo"]) == 0
    out = click.unstyle(capsys.readouterr().out)
    for name, card in shipped_cards().items():
        assert f"zoo/{name} " in out
        assert card.base in out
    assert max(map(len, out.splitlines())) <= columns


def test_unknown_lists_are_guessed(capsys):
    """A misspelt kind is an error with the likely one."""
    assert run(["ls", "method"]) == 2
    assert "did you mean `methods`?" in capsys.readouterr().err
