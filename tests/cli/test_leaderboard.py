"""`drdoctl leaderboard`: the published figures, the table, the JSON, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from drdoctl import cli

PUBLISHED = Path(__file__).with_name("alpaca_eval_published.csv")
"""From the package `alpaca_eval` 0.6.6 (Apache-2.0): `leaderboards/data_AlpacaEval_2/weighted_alpaca_eval_gpt4_turbo_
leaderboard.csv` and `leaderboards/data_AlpacaEval/alpaca_eval_gpt4_leaderboard.csv`, rows of the models tested."""
ANNOTATIONS = ("annotations_weighted_gpt4_turbo.jsonl.gz", "annotations_gpt4_v1.jsonl.gz")
ROW = {
    "instruction": "do",
    "output_1": "one",
    "generator_1": "base",
    "output_2": "four",
    "generator_2": "mine",
    "annotator": "judge",
    "preference": 1.75,
}


def published():
    """Return the published rows by annotator and model."""
    with PUBLISHED.open(encoding="utf-8") as file:
        return {(row.pop("annotator"), row.pop("model")): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def real(shared_folder):
    """Return (annotator, model) -> row for all models of the real annotation files, with the outputs that are there."""
    folder = shared_folder / "data" / "alpaca_eval"
    outputs = [f"--outputs={path}" for path in sorted(folder.glob("model_outputs_*.json.gz"))]
    capture = pytest.MonkeyPatch()
    printed: list[str] = []
    capture.setattr("drdoctl.cli.console.Console.json", lambda _self, value: printed.append(value))
    code = cli.run(["leaderboard", *(str(folder / name) for name in ANNOTATIONS), *outputs, "--json"])
    capture.undo()
    assert code == 0
    boards = printed[0]["leaderboards"]
    return {(board["annotator"], row["model"]): row for board in boards for row in board["models"]}


@pytest.mark.shared
@pytest.mark.parametrize("who", published(), ids=" ".join)
def test_the_published_leaderboard(real, who):
    """Win rate, standard error and all counts equal AlpacaEval's own, for both judges and every model there is."""
    expected = published()[who]
    for name in ("win_rate", "standard_error", "discrete_win_rate"):
        assert real[who][name] == pytest.approx(float(expected[name]), abs=1e-9)
    for name in ("n_wins", "n_wins_base", "n_draws", "n_total"):
        assert real[who][name] == int(float(expected[name]))
    # lengths are published of all outputs; the few that were not judged are in files that are not all here
    assert real[who]["avg_length"] == pytest.approx(int(expected["avg_length"]), abs=7)


@pytest.mark.shared
def test_the_published_lengths(real):
    """With all 805 outputs of a model at hand, its mean length is the published one."""
    for who in published():
        if who[1] in ("alpaca-7b", "gemma-2b-it", "gpt4", "pythia-12b-mix-sft"):
            assert real[who]["avg_length"] == int(published()[who]["avg_length"])


def test_tables_and_json(tmp_path, monkeypatch, capsys):
    """The best comes first; several judges or baselines are told apart by columns; unjudged rows are counted."""
    monkeypatch.chdir(tmp_path)
    rows = [ROW, ROW | {"generator_2": "best", "preference": 2}, ROW | {"instruction": "b", "preference": None}]
    Path("a.json").write_text(json.dumps(rows), encoding="utf-8")
    assert cli.run(["leaderboard", "a.json"]) == 0
    out, err = capsys.readouterr()
    assert [line.split("\t")[:3] for line in out.splitlines()] == [["best", "100.00", "-"], ["mine", "75.00", "-"]]
    assert {tuple(line.split("\t")[-2:]) for line in out.splitlines()} == {("base", "judge")}
    assert err == ""
    assert cli.run(["leaderboard", "a.json", "--json"]) == 0
    (board,) = json.loads(capsys.readouterr().out)["leaderboards"]
    assert [(row["model"], row["n_total"], row["n_unjudged"]) for row in board["models"]] == [
        ("best", 1, 0),
        ("mine", 1, 1),
    ]
    Path("b.json").write_text(json.dumps([ROW | {"annotator": "other"}, ROW]), encoding="utf-8")
    assert cli.run(["leaderboard", "a.json", "b.json"]) == 0
    out, err = capsys.readouterr()
    assert {line.split("\t")[-1] for line in out.splitlines()} == {"judge", "other"}
    assert "1 row stands twice" in err


def test_a_person_gets_a_table_for_each_judge(tmp_path, monkeypatch, capsys):
    """At a terminal, each judge and baseline has a table of its own, under a heading."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    Path("a.json").write_text(json.dumps([ROW, ROW | {"annotator": "other", "preference": 1}]), encoding="utf-8")
    assert cli.run(["leaderboard", "a.json", "--color", "never"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("mine")] == [
        ["mine", "75.00"],
        ["mine", "0.00"],
    ]
    assert [line.rpartition(" ")[0] for line in err.splitlines()] == [
        f"against base, judged by {judge}; in per" for judge in ("judge", "other")
    ]


def test_outputs_give_the_lengths(tmp_path, monkeypatch, capsys):
    """The mean length is of all outputs of the model where they are given, of the judged ones where not."""
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text(json.dumps([ROW]), encoding="utf-8")
    outputs = [{"instruction": str(size), "output": "x" * size, "generator": "mine"} for size in (10, 21)]
    Path("o.json").write_text(json.dumps(outputs), encoding="utf-8")
    lengths = []
    for more in ([], ["--outputs", "o.json"]):
        assert cli.run(["leaderboard", "a.json", "--json", *more]) == 0
        lengths.append(json.loads(capsys.readouterr().out)["leaderboards"][0]["models"][0]["avg_length"])
    assert lengths == [4, 15]


def test_outputs_of_no_model_judged_are_refused(tmp_path, monkeypatch, capsys):
    """A file of outputs whose generator no annotation names would change nothing: it is a fault."""
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text(json.dumps([ROW]), encoding="utf-8")
    Path("o.json").write_text('[{"instruction": "a", "output": "x", "generator": "mien"}]', encoding="utf-8")
    assert cli.run(["leaderboard", "a.json", "--outputs", "o.json"]) == 2
    assert "did you mean `mine`" in capsys.readouterr().err


def test_bad_rows_are_named(tmp_path, monkeypatch, capsys):
    """Exit 2, with file and line of each."""
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps(ROW | {"preference": 3}), "{", json.dumps({"instruction": "x"})]
    Path("a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert cli.run(["leaderboard", "a.jsonl"]) == 2
    err = capsys.readouterr().err
    assert all(f"a.jsonl:{line}" in err for line in (1, 2, 3))
    assert cli.run(["leaderboard", "a.jsonl", "--outputs", "none.json"]) == 2
    assert "none.json" in (err := capsys.readouterr().err)
    assert "a.jsonl:1" in err
