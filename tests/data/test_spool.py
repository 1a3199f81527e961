from weakref import WeakSet

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.data import BadRow, Row, _marks
from drdoctl.data._distance import edit_distances
from drdoctl.data._ledger import Ledger
from drdoctl.data._marks import Seen, confidence, hash_prompt
from drdoctl.data._render import Renderer
from drdoctl.data._spool import CHUNK_ROWS, Limits, Spooler


def spooler(tokenizer, limits=None):
    return Spooler(
        {"student": Renderer(tokenizer, "auto")}, limits or Limits(512, 1024), Ledger(skip=True), lambda: None
    )


def test_no_more_than_three_chunks_of_rows_are_alive(plain_tokenizer, tmp_path):
    """However many rows a source yields, those in memory are the chunk at work, the next, and the one read."""
    alive: WeakSet[Row] = WeakSet()
    most = 0

    class Tracked(Row):
        """Rows that are equal are still two in a set."""

        __hash__ = object.__hash__
        __eq__ = object.__eq__

    def rows():
        nonlocal most
        for i in range(5 * CHUNK_ROWS):
            row = Tracked(id=f"r{i}", prompt="p", chosen="a", rejected="b", where=f"f:{i}")
            alive.add(row)
            most = max(most, len(alive))
            yield row

    spool = spooler(plain_tokenizer).spool("train", rows(), tmp_path / "train.parquet")
    assert len(spool.marks) == 5 * CHUNK_ROWS
    assert most <= 3 * CHUNK_ROWS + 1


def test_chunks_are_tokenised_in_order_and_as_if_alone(plain_tokenizer, tmp_path):
    """Rows keep their order, and a row's ids and reference are what its own tokens would be, whatever its chunk."""
    rows = [
        Row(id=f"r{i}", prompt=f"ask {i}", chosen=f"yes {i}", rejected="no", reference=f"so {i}" if i % 3 else None)
        for i in range(CHUNK_ROWS + 7)
    ]
    spool = spooler(plain_tokenizer).spool("train", rows, tmp_path / "train.parquet")
    found = pq.read_table(spool.path).to_pylist()
    assert [row["id"] for row in found] == [row.id for row in rows]
    renderer = Renderer(plain_tokenizer, "auto")
    for row, made in zip(rows, found, strict=True):
        alone = renderer.encode([(row.prompt, [row.chosen, row.rejected])])[0]
        assert [made["student_prompt"], made["student_chosen"], made["student_rejected"]] == [
            alone.prompt,
            *alone.responses,
        ]
        own = renderer.encode([(row.prompt, [row.reference])])[0].responses[0] if row.reference else None
        assert made["student_reference"] == own


def test_after_a_fault_nothing_is_tokenised(plain_tokenizer, tmp_path, monkeypatch):
    """Once a row cannot be used and may not be skipped, the others are only read and counted."""
    made = Spooler({"student": Renderer(plain_tokenizer, "auto")}, Limits(512, 1024), Ledger(skip=False), lambda: None)
    monkeypatch.setattr(made.renderers["student"], "encode", lambda texts: pytest.fail("tokenised") if texts else [])
    rows = [BadRow("wrong-type", "no", "f:1"), *(Row(id=f"r{i}", prompt="p", chosen="a") for i in range(3))]
    made.spool("train", rows, tmp_path / "train.parquet")
    assert (made.ledger.fault_count, made.ledger.read) == (1, {"train": 4})


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5), max_size=60))
def test_hashes_are_new_once(values):
    """A hash is new the first time and never again, also after the newest have been sorted in with the others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_marks, "NEWEST", 3)
        seen = Seen()
        before: set[int] = set()
        for value in values:
            assert seen.add(value) == (value not in before)
            before.add(value)
            assert len(seen._newest) < 3


def test_a_huge_text_is_dropped_before_it_is_tokenised(plain_tokenizer, tmp_path, monkeypatch):
    """A text that cannot fit by its mere length never reaches the tokenizer."""
    made = spooler(plain_tokenizer, Limits(8, 16))
    monkeypatch.setattr(made.renderers["student"], "encode", lambda texts: pytest.fail("tokenised") if texts else [])
    row = Row(id="r", prompt="p", chosen="x" * 5_000_000, rejected="b", where="f:1")
    assert len(made.spool("train", [row], tmp_path / "train.parquet").marks) == 0
    assert made.ledger.tally("train").dropped == {"long-pair": 1}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"confidence": 3.0, "preference": 1.0}, 3.0),
        ({"score_chosen": 2.0, "score_rejected": 5.0}, 3.0),
        ({"score_chosen": 2.0, "preference": 0.9}, 0.4),
        ({"preference": 0.2}, 0.3),
        ({}, None),
    ],
)
def test_what_stands_for_confidence(fields, expected):
    """The row's own comes first, then the score margin, then the distance of the preference from one half."""
    found = confidence(Row(id="r", prompt="p", **fields))
    assert found is None if expected is None else found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2, 3, 9], [1, 2, 3, 9], 0.0),
        ([1, 2, 9], [3, 4, 9], 1.0),
        ([1, 2, 3, 4, 9], [1, 3, 4, 9], 0.25),
        ([9], [5, 9], 1.0),
    ],
)
def test_edit_distance_by_hand(first, second, expected):
    """Insertions, deletions and substitutions count one each, over the longer response, without the end token."""
    assert edit_distances([[first, second], [first]]) == [expected, None]


def test_a_text_and_the_same_text_as_the_only_turn_are_one_prompt():
    """Duplicate prompts are found however they are written; another role or text is another prompt."""
    one = hash_prompt("what ?")
    assert hash_prompt([{"role": "user", "content": "what ? "}]) == one
    assert hash_prompt([{"role": "system", "content": "what ?"}]) != one
    assert hash_prompt("what") != one
