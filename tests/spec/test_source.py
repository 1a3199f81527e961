"""Reading YAML: any text gives data or faults, soon, and every fault has a place."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.core.errors import UserError
from drdoctl.spec.source import MAX_BYTES, parse, read

YAML_BITS = st.sampled_from(
    [
        *"abx01 \n\t-:,[]{}&*!|>'\"%#?@~",
        "- ",
        ": ",
        "\n  ",
        "&a ",
        "*a",
        "!!str ",
        "<<",
        "---\n",
        "...\n",
        "0x",
        "1e",
        "é",
        "\u2028",
    ],
)


def _codes(text):
    with pytest.raises(UserError) as caught:
        parse(text, "s.yaml")
    return [fault.code for fault in caught.value.faults]


@settings(max_examples=150, deadline=None)
@given(st.lists(YAML_BITS, max_size=40).map("".join) | st.text(max_size=80))
def test_any_text_gives_plain_data_or_faults(text):
    """No text makes anything but UserError, and all that is read is plain."""
    with contextlib.suppress(UserError):
        _assert_plain(parse(text, "s.yaml")[0])


def _assert_plain(value):
    assert value is None or type(value) in (bool, int, float, str, list, dict)
    if isinstance(value, dict):
        assert all(isinstance(key, str) for key in value)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _assert_plain(item)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**62), 2**62)
        | st.text(st.characters(min_codepoint=32, max_codepoint=126)),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=4)
        ),
        max_leaves=15,
    ),
)
def test_json_reads_as_itself(value):
    """JSON is YAML: what json writes is read back unchanged."""
    assert parse(json.dumps(value), "s.yaml")[0] == value


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_give_data_or_faults(tmp_path_factory, content):
    """A file may hold anything: bad encodings, NUL and byte-order marks are faults or are read."""
    path = tmp_path_factory.mktemp("bytes") / "s.yaml"
    path.write_bytes(content)
    with contextlib.suppress(UserError):
        _assert_plain(read(path)[0])


def test_a_byte_order_mark_is_no_key(tmp_path):
    """A UTF-8 byte-order mark before the first key is passed over."""
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read(path)[0] == {"a": 1}


def test_all_duplicates_are_named_at_once():
    """Each repeated key is a fault of its own, and the first value is kept for the rest of the checks."""
    assert _codes("a: 1\na: 2\nb: {c: 1, c: 2}\n") == ["duplicate-key", "duplicate-key"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 900_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "a: 1\n" * 150_000,
        "a: [" + "1," * 400_000 + "]",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(97 + i)}: &{chr(97 + i)} [{','.join(['*' + chr(96 + i)] * 9)}]\n" for i in range(1, 9)),
    ],
    ids=["open-lists", "open-mappings", "nested-dashes", "many-keys", "long-list", "alias-bomb"],
)
def test_bombs_are_refused_within_a_second(text):
    """Depth, width and aliases are bounded before they cost anything."""
    start = time.process_time()
    assert set(_codes(text)) <= {"too-deep", "too-large"}
    assert time.process_time() - start < 1


def test_large_files_are_refused_unread(tmp_path):
    """A file larger than a megabyte is no spec."""
    path = tmp_path / "s.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(UserError, match="larger than 1 MB"):
        read(path)


def test_absent_files_and_folders_are_named(tmp_path):
    """A path that cannot be read is an error with a remedy."""
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(UserError, match="cannot read") as caught:
            read(path)
        assert caught.value.faults[0].hint
