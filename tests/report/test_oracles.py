"""What a report says of reward models themselves."""

from __future__ import annotations

import json
from types import SimpleNamespace

from drdoctl.evals import Figure
from drdoctl.report import oracles
from drdoctl.report.oracles import cells, is_about_oracle, oracle_rows
from drdoctl.report.tables import oracles_table

FIGURES = [
    Figure("accuracy", 0.7, 0.6, 0.8, "share", count=9, p=0.01),
    Figure("accuracy", 0.1, unit="share", group="subset chat", count=3),
    Figure("accuracy", 0.5, unit="share", test_set="bench", count=4),
]


def stage(label, **settings):
    """Return a planned evaluation as far as the report looks at it."""
    want = SimpleNamespace(label=label, id=f"evaluate[{label}]", artifact=label, settings=settings)
    return SimpleNamespace(want=want)


def rows(tmp_path):
    """Return the report's rows of one measured oracle."""
    (tmp_path / "oracle").mkdir()
    text = json.dumps({"figures": [figure.as_dict() for figure in FIGURES], "oracle": "oracle"})
    (tmp_path / "oracle" / "figures.json").write_text(text)
    store = SimpleNamespace(path=lambda name: tmp_path / name)
    return [row.model_dump(mode="json") for row in oracle_rows(store, [stage("oracle")])]


def test_evaluations_of_reward_models_are_told_from_students():
    """They are told by their settings, whatever a student is called."""
    assert is_about_oracle(stage("oracle", **{"evaluate.of": "oracle"}))
    assert not is_about_oracle(stage("oracle"))


def test_one_line_for_each_set_of_pairs(tmp_path):
    """A row shows the figures of all its pairs, not of a group, and each set of pairs has a row."""
    (row,) = rows(tmp_path)
    assert row["label"] == "oracle"
    assert oracles.test_sets(row) == [None, "bench"]
    accuracy, *others = (figure for figure, _, _ in cells(row, None))
    assert accuracy["value"] == 0.7
    assert others[0] is None
    table = oracles_table({"oracles": [row]})
    assert [line[:2] for line in table.rows] == [["oracle", "70.0 [60.0, 80.0]"], ["oracle, bench", "50.0"]]
