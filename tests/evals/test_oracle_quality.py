"""The eval about reward models: its options, and what it measures."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from drdoctl.evals import EvalData


def test_a_file_needs_a_name_and_a_name_a_file(make_eval):
    """Figures on a file's pairs are told from the held-out ones by the name that the spec gives."""
    assert make_eval("oracle-quality").files() == {}
    assert make_eval("oracle-quality", pairs="a.jsonl", test_set="bench").files() == {"pairs": "a.jsonl"}
    for options in ({"pairs": "a.jsonl"}, {"test_set": "bench"}):
        with pytest.raises(ValidationError):
            make_eval("oracle-quality", **options)


def test_it_is_about_the_oracle_alone(make_eval):
    """It asks for no samples, no judge and no student's pairs, and `select` cannot choose by it."""
    part = make_eval("oracle-quality")
    assert part.about == "oracle"
    assert (part.samplings(), part.judges(), part.baselines(), part.needs_pairs) == ([], [], [], False)
    assert part.measures() == []


def test_figures_carry_the_name_of_their_pairs(make_eval):
    """Every figure on a file's pairs says which; those on the held-out pairs say nothing."""
    data = EvalData({}, {}, {"margin_0": np.array([1.0, -1.0])})
    named = make_eval("oracle-quality", pairs="a.jsonl", test_set="bench").measure(data)
    assert {figure.test_set for figure in named} == {"bench"}
    plain = make_eval("oracle-quality").measure(data)
    assert all("test_set" not in figure.as_dict() for figure in plain)
