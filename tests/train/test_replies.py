"""Kept replies: found by what was asked, whoever answered, and never believed when damaged."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from drdoctl.evals import Sampling
from drdoctl.evals._questions import Question
from drdoctl.train.chat import Reply
from drdoctl.train.replies import Replies

QUESTION = Question("llm:m", "m", "which? ü", 30, "p1", Sampling(0.7, 0.8, 16), "sft", "student first")
REPLY = Reply("it is\nVerdict: A", "stop", 12, 5)


@pytest.fixture
def book(tmp_path):
    """Return replies with one kept."""
    kept = Replies(tmp_path / "replies")
    assert kept.get(QUESTION) is None
    kept.put(QUESTION, REPLY)
    return kept


def test_found_by_what_was_asked(book):
    """The same request finds its reply, whoever's question it is; another model, text or length does not."""
    assert book.get(QUESTION) == REPLY
    assert book.get(replace(QUESTION, prompt_id="p2", against="reference", judge="x")) == REPLY
    for other in ({"model": "n"}, {"text": "which?"}, {"max_tokens": 31}):
        assert book.get(replace(QUESTION, **other)) is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"reply": {"text": "Verdict: B", "finish": "stop"}}'])
def test_damage_counts_as_nothing(book, damage):
    """A file that is cut, empty or about something else is as good as none, and the next reply takes its place."""
    (path,) = book.folder.rglob("*.json")
    path.write_bytes(damage)
    assert book.get(QUESTION) is None
    book.put(QUESTION, REPLY)
    assert book.get(QUESTION) == REPLY


@pytest.mark.parametrize("reply", [None, {}, {"text": 3, "finish": "stop"}, {"text": "a", "finish": "b", "more": 1}])
def test_a_reply_of_another_shape_counts_as_nothing(book, reply):
    """What is no reply is not taken for one."""
    (path,) = book.folder.rglob("*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "reply": reply}))
    assert book.get(QUESTION) is None


def test_people_can_read_them(book):
    """A kept reply shows the question that it answers."""
    (path,) = book.folder.rglob("*.json")
    assert "which? ü" in path.read_text(encoding="utf-8")
    assert path.parent.name == path.name[:2]


def test_no_flipped_bit_is_believed(book):
    """With a bit of any byte flipped, there is the same reply or none, and whoever asks can count the damage."""
    (path,) = book.folder.rglob("*.json")
    whole, believed = path.read_bytes(), 0
    for at in range(len(whole)):
        content = bytearray(whole)
        content[at] ^= 1 << at % 8
        path.write_bytes(content)
        found = book.get(QUESTION)
        assert found in (None, REPLY)
        believed += found is not None
    assert believed < 20  # white space, and the name of the hash
    assert book.damaged == len(whole) - believed


def test_replies_without_a_hash_still_count(book):
    """What was paid for before replies had hashes is not asked again."""
    (path,) = book.folder.rglob("*.json")
    old = {key: value for key, value in json.loads(path.read_text()).items() if key != "sha256"}
    path.write_text(json.dumps(old))
    assert book.get(QUESTION) == REPLY
    assert book.damaged == 0
