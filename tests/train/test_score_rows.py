"""The rows that can be scored."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.errors import UserError
from drdoctl.data._files import Record
from drdoctl.data._records import Bad
from drdoctl.train.score_rows import PAIR, SHOWN, SINGLE, read_row, read_rows


def _write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_pairs_and_responses(tmp_path):
    """Pairs have two responses, others one; turns before a response join the prompt; other columns stay."""
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    other = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}]
    rows = list(
        read_rows(
            _write(
                tmp_path / "pairs.jsonl",
                [{"prompt": "q", "chosen": "a", "rejected": "b", "n": 1}, {"chosen": turns, "rejected": other}],
            )
        )
    )
    assert [(row.columns, row.prompt, row.responses) for row in rows] == [
        (PAIR, "q", ("a", "b")),
        (PAIR, [{"role": "user", "content": "q"}], ("a", "b")),
    ]
    assert rows[0].plain["n"] == 1
    (single,) = read_rows(_write(tmp_path / "single.jsonl", [{"prompt": "q", "response": "a"}]))
    assert (single.columns, single.responses) == (SINGLE, ("a",))


def test_all_bad_rows_are_named(tmp_path):
    """Every row that cannot be used is named with its line, and a row after it is not scored."""
    good = {"prompt": "q", "response": "a"}
    bad = [{"prompt": "q"}, {"prompt": 3, "response": "a"}, {"prompt": "q", "response": ""}, [1]]
    rows = read_rows(_write(tmp_path / "rows.jsonl", [good, *bad, good]))
    assert next(rows).responses == ("a",)
    with pytest.raises(UserError) as error:
        next(rows)
    assert [fault.where.line for fault in error.value.faults] == [2, 3, 4, 5]
    assert [fault.code for fault in error.value.faults] == [
        "missing-column",
        "wrong-type",
        "empty-response",
        "wrong-type",
    ]


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", '{"deep": [[1, NaN]]}'])
@pytest.mark.parametrize("name", ["confidence", "mine"])
def test_numbers_that_json_has_not_are_refused(tmp_path, name, value):
    """The scored row is written as JSON, with all that it held; the row that cannot be is named."""
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"prompt": "q", "response": "a"}}\n{{"prompt": "q", "response": "a", "{name}": {value}}}\n')
    with pytest.raises(UserError, match=f"`{name}` is") as error:
        list(read_rows(str(path)))
    (fault,) = error.value.faults
    assert (fault.code, fault.where.line) == ("not-finite", 2)


def test_bounded_faults(tmp_path):
    """A file full of bad rows names the first of them only."""
    with pytest.raises(UserError) as error:
        list(read_rows(_write(tmp_path / "rows.jsonl", [{"prompt": "q"}] * 100)))
    assert len(error.value.faults) == SHOWN


def test_mixed_and_empty_files(tmp_path):
    """Pairs and responses in one file, or no rows at all, are exit 2."""
    mixed = [{"prompt": "q", "response": "a"}, {"prompt": "q", "chosen": "a", "rejected": "b"}]
    with pytest.raises(UserError, match="both pairs and single"):
        list(read_rows(_write(tmp_path / "mixed.jsonl", mixed)))
    with pytest.raises(UserError):
        list(read_rows(_write(tmp_path / "empty.jsonl", [])))


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["prompt", "chosen", "rejected", "response", "role", "content"]), inner)
        ),
    )
)
def test_wild_records(data):
    """Any JSON value is a row with texts in it, or bad; never a traceback."""
    try:
        row = read_row(Record("rows.jsonl", 1, data))
    except Bad:
        return
    assert all(isinstance(text, str) and text.strip() for text in row.responses)
    assert len(row.responses) == len(row.columns)
