"""Fingerprints: the same content has the same name, other content another."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.fingerprint import CHUNK, canonical, digest, file_sha256

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_canonical_text_is_pinned():
    """The canonical text never changes, else every artifact would be renamed."""
    value = {"b": [1.0, 0.5, True, None], "a": {"é": "x"}}
    assert canonical(value) == '{"a":{"é":"x"},"b":[1,0.5,true,null]}'
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_order_of_keys_does_not_matter(value):
    """A mapping written in another order has the same digest."""
    assert digest(dict(reversed(list(value.items())))) == digest(value)


@given(VALUES)
def test_canonical_text_is_json_of_the_same_value(value):
    """The canonical text reads back as an equal value."""
    assert json.loads(canonical(value)) == value


@pytest.mark.parametrize(("one", "other"), [(1.0, 1), ((1, 2), [1, 2]), ({1: 2}, {"1": 2})])
def test_what_yaml_cannot_tell_apart_is_the_same(one, other):
    """Whole floats and integers, tuples and lists count as the same."""
    assert digest(one) == digest(other)


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), ("1", 1), (None, ""), ([], {}), (0.1, 0.2)])
def test_what_differs_has_another_digest(one, other):
    """Values of other kinds never share a digest."""
    assert digest({"x": one}) != digest({"x": other})


def test_nan_has_no_fingerprint():
    """A value that does not equal itself cannot name an artifact."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest(float("nan"))


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1])
def test_a_files_hash_is_its_bytes_hash(tmp_path, size):
    """Reading in chunks gives the hash of the whole."""
    data = b"x" * size
    (tmp_path / "file").write_bytes(data)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(data).hexdigest()
