"""Labels in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.labels import parts


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
