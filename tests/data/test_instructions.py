"""Files of instructions: what is read, and what is refused with its line."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.core.errors import UserError
from drdoctl.data._instructions import Instruction, read_instructions


def test_instructions_in_their_order(tmp_path):
    """The instruction and what AlpacaEval says of it are kept; outputs and generators are read past."""
    rows = [{"instruction": "b", "dataset": "koala", "output": "x", "generator": "m"}, {"instruction": "a"}]
    (tmp_path / "i.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    found = read_instructions("i.json.gz", tmp_path)
    assert found == [Instruction("b", {"dataset": "koala"}), Instruction("a", {})]
    assert found[0].prompt == [{"role": "user", "content": "b"}]


def test_all_bad_rows_are_named(tmp_path):
    """No instruction, an empty one, one that is no text, and one that stands twice: each at its line."""
    rows = [{"instruction": "a"}, {"output": "x"}, {"instruction": " "}, {"instruction": 3}, {"instruction": "a"}]
    (tmp_path / "i.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(UserError) as caught:
        read_instructions("i.jsonl", tmp_path)
    found = [(fault.code, fault.where.line) for fault in caught.value.faults]
    assert found == [("missing-column", 2), ("empty-prompt", 3), ("wrong-type", 4), ("duplicate", 5)]
    assert "i.jsonl:1" in caught.value.faults[-1].message


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_are_taken_without_a_word(tmp_path_factory, content):
    """Whatever bytes a file holds, it gives instructions or faults, never a traceback."""
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "i.json").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_instructions("i.json", folder)
    assert caught.value.faults


@pytest.mark.shared
def test_the_real_instructions(shared_folder):
    """Any model's outputs give AlpacaEval's 805 instructions of five data sets."""
    found = read_instructions(str(shared_folder / "data" / "alpaca_eval" / "model_outputs_gemma-2b-it.json.gz"))
    assert len(found) == 805
    assert {one.about["dataset"] for one in found} == {"helpful_base", "koala", "oasst", "selfinstruct", "vicuna"}
