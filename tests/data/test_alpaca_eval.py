from collections import Counter
from pathlib import Path

import pytest

from drdoctl.data import BadRow
from drdoctl.data.alpaca_eval import AlpacaEval

SHARED = Path(__file__).parents[3] / "shared" / "data"


def annotation(preference):
    return {"instruction": "do", "output_1": "one", "output_2": "two", "preference": preference}


def test_preferences_soft_and_hard(tmp_path, write_rows):
    """Below 1.5 the first output is chosen, above it the second; what is kept is the winner's probability."""
    write_rows([annotation(value) for value in (1, 1.25, 1.75, 2)])
    rows = list(AlpacaEval(path="pairs.jsonl").at(tmp_path).read("train", {}))
    assert [(row.chosen, row.preference) for row in rows] == [("one", 1.0), ("one", 0.75), ("two", 0.75), ("two", 1.0)]


@pytest.mark.parametrize(
    ("preference", "code"),
    [
        (1.5, "tie"),
        (0, "tie"),
        (0.5, "out-of-range"),
        (2.5, "out-of-range"),
        (None, "no-preference"),
        ("1", "wrong-type"),
    ],
)
def test_preferences_that_choose_nothing(tmp_path, write_rows, preference, code):
    """Ties are rows of their own kind; anything else that is not from 1 to 2 is a bad row."""
    write_rows([annotation(preference)])
    row = next(AlpacaEval(path="pairs.jsonl").at(tmp_path).read("train", {}))
    assert isinstance(row, BadRow)
    assert row.code == code


def test_a_file_of_outputs_is_no_file_of_preferences(tmp_path, write_rows):
    """Rows without the column are told where such files belong."""
    write_rows([{"instruction": "do", "output": "one"}])
    row = next(AlpacaEval(path="pairs.jsonl").at(tmp_path).read("train", {}))
    assert row.code == "missing-column"
    assert "prompts:" in row.hint


def test_messages_name_the_file_s_own_columns(tmp_path, write_rows):
    """An output that is missing is called as the file calls it."""
    write_rows([{"instruction": "do", "output_1": "one", "preference": 1}])
    row = next(AlpacaEval(path="pairs.jsonl").at(tmp_path).read("train", {}))
    assert "`output_2`" in row.message


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs the real data beside the checkout")
def test_the_real_annotations_and_outputs():
    """17,689 annotations hold 146 ties and 5 empty outputs; phi-2's 803 outputs are prompts with references."""
    folder = "alpaca_eval"
    source = AlpacaEval(
        path=f"{folder}/annotations_gpt4_v1.jsonl.gz", prompts=f"{folder}/model_outputs_phi-2.json.gz"
    ).at(SHARED)
    counts = Counter(row.code if isinstance(row, BadRow) else "ok" for row in source.read("train", {}))
    assert counts == {"ok": 17_538, "tie": 146, "empty-response": 5}
    prompts = list(source.read("prompts", {}))
    assert len(prompts) == 803
    assert prompts[0].reference
    assert len(source.files()) == 2
