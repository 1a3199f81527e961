"""Which way of sampling, and which model, stand for all."""

import pytest

from drdoctl.report.ways import headline_way, is_start


@pytest.mark.parametrize(
    ("found", "way"),
    [
        ([("a", 0.0), ("b", 0.7), ("c", 1.0)], "b"),
        ([("a", 0.0), ("b", 0.3), ("c", 1.0)], "c"),
        ([("a", 0.0), ("r", None)], "a"),
        ([("r", None)], None),
        ([], None),
    ],
)
def test_headline(found, way):
    """0.7 where it is, else the middle one above 0, else greedy; logged responses are no way of sampling."""
    assert headline_way(found) == way


def test_starts():
    """The start model of a seed is one too; a method whose name begins alike is not."""
    assert is_start("sft")
    assert is_start("sft,seed=1")
    assert not is_start("sft-like")
