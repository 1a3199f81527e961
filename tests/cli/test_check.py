"""`drdoctl check`."""

from __future__ import annotations

import json

import pytest

from drdoctl.cli import run

TEXT = """version: 1
name: x
data: {source: notes, split: hard, max_prompt_tokens: 48, max_tokens: 80}
student: {model: {max_positions: 128}}
matrix: {method: [dpo, {name: dpo, beta: 1}], seed: [1, 2]}
train: {max_steps: 5}
"""


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """Write a spec into the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(TEXT)
    return "spec.yaml"


def test_a_good_spec_says_what_it_makes(spec, capsys):
    """Exit 0, nothing on stdout, and the students on stderr."""
    assert run(["check", spec]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "4 students (dpo,seed=1; dpo,seed=2; dpo,beta=1,seed=1; dpo,beta=1,seed=2)" in err


def test_resolved_names_the_origin_of_every_value(spec, capsys):
    """File and line, `--set`, or default; what the matrix sets is there for each student."""
    assert run(["check", spec, "--resolved", "--json", "--set", "train.max_steps=9"]) == 0
    values = {row["key"]: (row["value"], row["from"]) for row in json.loads(capsys.readouterr().out)["values"]}
    assert values["train.max_steps"] == (9, "--set train.max_steps")
    assert values["train.epochs"] == (1, "default")
    assert values["data.split.0.name"] == ("hard", "spec.yaml:3")
    assert values["data.split.0.quantile"] == (0.5, "default")
    assert values["[dpo,beta=1,seed=2] method.beta"] == (1, "spec.yaml:5")
    assert values["[dpo,seed=2] method.beta"] == (0.1, "default")
    assert values["[dpo,seed=2] seed"] == (2, "spec.yaml:5")
    assert "seed" not in values


def test_resolved_says_which_zoo_it_would_be(spec, capsys, monkeypatch, tmp_path):
    """A spec that names no zoo shows the one that the environment, the config file or the default names."""
    config = tmp_path / "config.yaml"
    config.write_text("zoo: hub:lab\n", encoding="utf-8")
    monkeypatch.delenv("DRDOCTL_ZOO", raising=False)
    for variable, value, shown in (
        ("DRDOCTL_CONFIG", "", ("hub:drdoctl", "default")),
        ("DRDOCTL_CONFIG", str(config), ("hub:lab", f"{config}:1")),
        ("DRDOCTL_ZOO", "shared", ("shared", "DRDOCTL_ZOO")),
    ):
        monkeypatch.setenv(variable, value)
        assert run(["check", spec, "--resolved", "--json"]) == 0
        values = {row["key"]: (row["value"], row["from"]) for row in json.loads(capsys.readouterr().out)["values"]}
        assert values["zoo"] == shown


def test_resolved_says_which_models_ship(spec, capsys, monkeypatch):
    """A model that ships with drdoctl is looked for there, and not in the default zoo; a named zoo goes before both."""
    monkeypatch.delenv("DRDOCTL_ZOO", raising=False)
    asked = ["check", spec, "--resolved", "--json", "--set", "student={model: zoo/oracle-notes, sft: false}"]
    assert run(asked) == 0
    values = {row["key"]: (row["value"], row["from"]) for row in json.loads(capsys.readouterr().out)["values"]}
    assert values["zoo"] == ("hub:drdoctl", "default")
    assert values["zoo of zoo/oracle-notes"] == ("shipped:", "shipped")
    monkeypatch.setenv("DRDOCTL_ZOO", "hub:mine")
    assert run(asked) == 0
    assert "zoo of zoo/oracle-notes" not in capsys.readouterr().out


def test_absent_files_are_found(tmp_path, monkeypatch, capsys):
    """`check` looks for the files that a spec names, though it does not read them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(
        "version: 1\nname: x\ndata: {source: {jsonl: a.jsonl}}\nstudent: {model: b/c}\nmethod: dpo\n"
    )
    assert run(["check", "spec.yaml"]) == 2
    err = capsys.readouterr().err
    assert "`a.jsonl`" in err
    assert "--> spec.yaml:3:" in err


def test_all_faults_are_shown(tmp_path, monkeypatch, capsys):
    """Two mistakes, two messages, one run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(TEXT.replace("name: x", "name: X").replace("max_steps: 5", "max_stps: 5"))
    assert run(["check", "spec.yaml"]) == 2
    err = capsys.readouterr().err
    assert err.count("error[") == 2
    assert "did you mean `max_steps`?" in err


@pytest.mark.parametrize("method", ["method: dpo\n", ""])
def test_absent_files_are_found_beside_other_faults(method, tmp_path, monkeypatch, capsys):
    """What rules say of a spec does not hide that a file is not there, also where the method is missing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(
        "version: 1\nname: x\ndata: {source: {jsonl: no.jsonl}, max_prompt_tokens: 48, max_tokens: 40}\n"
        f"student: {{model: ./none}}\ntrain: {{max_steps: 5}}\n{method}"
    )
    assert run(["check", "spec.yaml", "--json"]) == 2
    faults = [json.loads(line)["error"] for line in capsys.readouterr().err.splitlines()]
    assert {"no-such-file", "conflict" if method else "missing-field"} <= {fault["code"] for fault in faults}
    assert len([fault for fault in faults if fault["code"] == "no-such-file"]) == 2
