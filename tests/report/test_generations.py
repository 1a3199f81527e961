"""Prompts shown with every student's response, and what makes two sets of prompts the same."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from drdoctl.report.generations import generations, prompts_mark


def test_prompts_are_told_by_their_texts(tmp_path):
    """Other texts under the same ids are other prompts; other tokens of the same texts are the same."""
    marks = []
    for place, (texts, tokens) in enumerate(((["a", "bc"], [1, 2]), (["a", "bc"], [3, 4]), (["ab", "c"], [1, 2]))):
        (tmp_path / str(place)).mkdir()
        table = pa.table({"id": ["p0", "p1"], "prompt": texts, "student_prompt": tokens})
        pq.write_table(table, tmp_path / str(place) / "prompts.parquet")
        marks.append(prompts_mark(tmp_path / str(place)))
    assert marks[0] == marks[1] != marks[2]


def test_without_data_or_samples_nothing_is_shown(tmp_path):
    """There is nothing to show before the data is made, or where nothing was sampled."""
    assert generations({}, None, "t0", {}) == []
    assert generations({}, tmp_path, None, {}) == []
