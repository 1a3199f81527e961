"""The file of responses: whole lines count, whatever was cut, and nothing is lost between them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.train.notebook import Kept, Notebook

KEPT = st.builds(
    Kept,
    way=st.sampled_from(["t0.7-p0.8-n4", "t0-p1-n4"]),
    row=st.integers(0, 9),
    text=st.text(max_size=20),
    tokens=st.integers(0, 300),
    ended=st.booleans(),
    form=st.sampled_from(["vllm", "ids", "text"]),
    read=st.none() | st.integers(0, 9),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(KEPT, min_size=1, max_size=6), st.data(), KEPT)
def test_cut_anywhere(several, data, another):
    """Cut at any byte and gone on with, the file holds the lines that were whole and those added after."""
    with tempfile.TemporaryDirectory() as folder:
        book = Notebook(Path(folder, "inside", "book.jsonl"))
        assert book.read() == []
        book.mend()
        for kept in several:
            book.add(kept)
        content = book.path.read_bytes()
        cut = data.draw(st.integers(0, len(content)))
        book.path.write_bytes(content[:cut])
        whole = content[:cut].count(b"\n")
        assert book.read() == several[:whole]
        book.mend()
        book.add(another)
        assert book.read() == [*several[:whole], another]


@settings(max_examples=40, deadline=None)
@given(st.lists(KEPT, min_size=1, max_size=5), st.data())
def test_a_flipped_bit_loses_its_lines_and_no_others(several, data):
    """With any bit flipped, the lines it lies in are gone and counted, and no line says anything else."""
    with tempfile.TemporaryDirectory() as folder:
        book = Notebook(Path(folder, "book.jsonl"))
        book.mend()
        for kept in several:
            book.add(kept)
        content = bytearray(book.path.read_bytes())
        bit = data.draw(st.integers(0, 8 * len(content) - 1))
        line = content[: bit // 8].count(b"\n")
        joined = content[bit // 8 : bit // 8 + 1] == b"\n"  # a line end that is gone takes two lines with it
        content[bit // 8] ^= 1 << bit % 8
        book.path.write_bytes(content)
        left = several[:line] + several[line + 1 + joined :]
        assert book.read() == left
        lost = book.mend()
        assert lost >= 1 or (joined and line == len(several) - 1)  # a last line without its end is no damage
        assert book.read() == left
        assert book.mend() == 0
