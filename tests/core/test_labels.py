"""Labels in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.labels import called, parts


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("dpo", ["dpo"]),
        ("dpo,learning_rate=0.001,seed=1", ["dpo", "learning_rate=0.001", "seed=1"]),
        ("dpo,split=hard(quantile=0.3,by=rows),seed=1", ["dpo", "split=hard(quantile=0.3,by=rows)", "seed=1"]),
        (
            'sft,split=[{"name":"lengths","max_ratio":3},"easy"]',
            ["sft", 'split=[{"name":"lengths","max_ratio":3},"easy"]'],
        ),
    ],
)
def test_brackets_hold_together(label, words):
    """A value of several parts is one word."""
    assert parts(label) == words


@given(st.text(alphabet="ab,([{)]}=", max_size=20))
def test_nothing_is_lost(label):
    """The words joined again are the label, whatever its brackets."""
    assert ",".join(parts(label)) == label


@pytest.mark.parametrize(
    ("label", "name"),
    [("sft", "align-sft"), ("sft,seed=1", "align-sft,seed=1"), ("dpo,seed=1", "dpo,seed=1"), ("sft-like", "sft-like")],
)
def test_a_student_is_never_called_as_a_start_model(label, name):
    """`sft` and `sft,seed=1` are start models; a student of the method `sft` gets a name of its own."""
    assert called(label) == name
