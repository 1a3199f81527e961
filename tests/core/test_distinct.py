"""Each once, in order."""

from drdoctl.core.distinct import distinct


def test_each_once_in_order():
    """The first of equals stays; 1 and 2 are told apart in a mapping, too."""
    assert distinct([{"b": 1}, {"a": 1}, {"b": 1}, {"b": 2}]) == [{"b": 1}, {"a": 1}, {"b": 2}]
    assert distinct([]) == []
