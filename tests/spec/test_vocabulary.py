"""How many tokens a `tokenizer.json` has."""

import json

from drdoctl.spec.vocabulary import vocabulary_size


def test_vocabulary_sizes():
    """The largest id counts, added tokens included; word lists and maps are read, and junk has no size."""
    assert vocabulary_size(json.dumps({"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": [{"id": 5}]})) == 6
    assert vocabulary_size(json.dumps({"model": {"vocab": [["a", -1.0], ["b", -2.0]]}})) == 2
    assert vocabulary_size("{}") is None
    assert vocabulary_size("no json") is None
