from weakref import WeakSet

import pytest

from drdoctl.data import Row
from drdoctl.data._ledger import Ledger
from drdoctl.data._marks import confidence, edit_distance, hash_prompt
from drdoctl.data._render import Renderer
from drdoctl.data._spool import CHUNK_ROWS, Limits, Spooler


def spooler(tokenizer, limits=None):
    return Spooler(
        {"student": Renderer(tokenizer, "auto")}, limits or Limits(512, 1024), Ledger(skip=True), lambda: None
    )


def test_no_more_than_two_chunks_of_rows_are_alive(plain_tokenizer, tmp_path):
    """However many rows a source yields, those in memory are the chunk at work and the one being read."""
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
    assert most <= 2 * CHUNK_ROWS + 1


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
    assert edit_distance([first, second]) == expected


def test_a_text_and_the_same_text_as_the_only_turn_are_one_prompt():
    """Duplicate prompts are found however they are written; another role or text is another prompt."""
    one = hash_prompt("what ?")
    assert hash_prompt([{"role": "user", "content": "what ? "}]) == one
    assert hash_prompt([{"role": "system", "content": "what ?"}]) != one
    assert hash_prompt("what") != one
