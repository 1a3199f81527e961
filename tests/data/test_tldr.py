import pytest

from drdoctl.data import BadRow
from drdoctl.data.tldr import Tldr


def comparison(**more):
    """Return a row of the real shape."""
    row = {
        "info": {
            "id": "t3_1",
            "post": "I fell.\nTwice.",
            "title": "Falling",
            "subreddit": "tifu",
            "site": None,
            "article": None,
        },
        "split": "train",
        "summaries": [
            {"text": " fell once", "policy": "sup2", "note": "ok"},
            {"text": " fell twice", "policy": "ref", "note": None},
        ],
        "choice": 1,
        "worker": "w",
        "batch": "batch3.json",
        "extra": {"confidence": 7},
    }
    return {**row, **more}


def read(tmp_path, write_rows, rows, part="train"):
    write_rows(rows)
    return list(Tldr(path="pairs.jsonl").at(tmp_path).read(part, {}))


def test_a_comparison_becomes_a_pair(tmp_path, write_rows):
    """`choice` picks the chosen summary, the human's is the reference, and confidence is the labeller's."""
    row = read(tmp_path, write_rows, [comparison()])[0]
    assert row.prompt == "SUBREDDIT: r/tifu\n\nTITLE: Falling\n\nPOST: I fell.\nTwice.\n\nTL;DR:"
    assert (row.chosen, row.rejected, row.reference) == ("fell twice", "fell once", "fell twice")
    assert (row.confidence, row.id) == (7.0, "train-1")


def test_rows_say_themselves_which_part_they_are_of(tmp_path, write_rows):
    """One file holds both parts; valid1 and valid2 are the evaluation part."""
    rows = [comparison(split=split) for split in ("train", "valid1", "train", "valid2")]
    assert [row.id for row in read(tmp_path, write_rows, rows)] == ["train-1", "train-3"]
    assert [row.id for row in read(tmp_path, write_rows, rows, "eval")] == ["eval-2", "eval-4"]
    source = Tldr(path="pairs.jsonl").at(tmp_path)
    assert source.has_part("eval")
    assert source.files() == ["pairs.jsonl"]


def test_confidence_may_be_null(tmp_path, write_rows):
    """A null confidence, or no `extra`, is a missing confidence and no fault."""
    rows = [comparison(extra={"confidence": None}), comparison(extra=None)]
    assert [row.confidence for row in read(tmp_path, write_rows, rows)] == [None, None]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"choice": 2}, "wrong-type"),
        ({"choice": None}, "wrong-type"),
        ({"choice": True}, "wrong-type"),
        ({"summaries": [{"text": "one"}]}, "wrong-type"),
        ({"summaries": [{"text": "one"}, {"text": ""}]}, "empty-response"),
        ({"extra": {"confidence": 12}}, "out-of-range"),
        ({"extra": {"confidence": float("nan")}}, "not-finite"),
        ({"info": {"post": "", "title": "t", "subreddit": "s"}}, "empty-prompt"),
        ({"info": {"post": None, "article": "news"}}, "not-tldr"),
        ({"info": None}, "wrong-type"),
    ],
)
def test_rows_that_make_no_pair(tmp_path, write_rows, change, code):
    """Each kind of bad row has its code and costs no other row."""
    rows = read(tmp_path, write_rows, [comparison(**change), comparison()])
    assert isinstance(rows[0], BadRow)
    assert rows[0].code == code
    assert rows[1].chosen == "fell twice"
