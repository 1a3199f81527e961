"""Text in columns."""

import pytest

from drdoctl.core.columns import aligned


def test_names_to_the_left_numbers_to_the_right():
    """Each column is as wide as its longest cell; a row that ends in nothing ends with what shows."""
    rows = [["who", "n", "note"], ["dpo", "1,000", ""], ["drdo-mean", "7", "x"]]
    assert aligned(rows) == ["who            n  note", "dpo        1,000", "drdo-mean      7     x"]


def test_rows_of_another_width_are_refused():
    """A cell too few would shift all that follow it."""
    with pytest.raises(ValueError, match="zip"):
        aligned([["a", "b"], ["c"]])
