"""`samples.parquet`: what is written is read back, group by group."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.train.response_table import Prompts, Responses, read_responses, write_responses
from drdoctl.train.responses import Way

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(texts=st.lists(TEXT, min_size=1, max_size=6), score=st.floats(-1e6, 1e6))
@settings(deadline=None, max_examples=25)
def test_round_trip(tmp_path_factory, texts, score):
    """Any text and score survive the file; a score that only one group has is NaN in the other."""
    path = tmp_path_factory.mktemp("table") / "samples.parquet"
    count = len(texts)
    ids, tokens, ended = [f"p{i}" for i in range(count)], np.arange(count, dtype=np.int32), np.arange(count) % 2 == 0
    sampled = Responses(
        "t0.7-p0.8-n6", ids, texts, tokens, ended, {"oracle": np.full(count, score)}, Way(0.7, 0.8, 6, 9)
    )
    logged = Responses("reference", ids, texts[::-1], tokens, ended)
    write_responses(path, [sampled, logged])
    found = read_responses(path.parent)
    assert list(found) == ["t0.7-p0.8-n6", "reference"]
    assert found["reference"].text == texts[::-1]
    assert np.isnan(found["reference"].scores["oracle"]).all()
    back = found["t0.7-p0.8-n6"]
    assert (back.ids, back.text, back.tokens.tolist(), back.ended.tolist()) == (ids, texts, [*tokens], [*ended])
    assert back.scores["oracle"].tolist() == [score] * count


def test_no_groups_is_a_table(tmp_path):
    """An evaluation that samples nothing leaves an empty table with the same columns."""
    write_responses(tmp_path / "samples.parquet", [])
    assert read_responses(tmp_path) == {}


def test_references_need_every_prompt():
    """Logged responses are a baseline only where every prompt has one."""
    plain = {"ids": ["a", "b"], "text": ["x", "y"], "student": [[1], [2]], "oracle": [[1], [2]], "oracle_reference": []}
    assert Prompts(reference=["r", None], student_reference=[[3, 1], None], **plain).references(2) is None
    whole = Prompts(reference=["r", "s"], student_reference=[[3, 1], [4, 5, 1]], **plain).references(2)
    assert whole is not None
    assert (whole.text, whole.tokens.tolist(), whole.ended.all()) == (["r", "s"], [2, 3], True)
