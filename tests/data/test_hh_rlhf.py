from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.data import BadRow
from drdoctl.data.hh_rlhf import HhRlhf, dialogue

SHARED = Path(__file__).parents[3] / "shared" / "data"
said = st.text(st.sampled_from("ab :\n'HumanAssistant"), max_size=20)


def read(tmp_path, write_rows, chosen, rejected):
    write_rows([{"chosen": chosen, "rejected": rejected}])
    return next(HhRlhf(path="pairs.jsonl").at(tmp_path).read("train", {}))


def test_the_shared_turns_are_the_prompt(tmp_path, write_rows):
    """The last assistant turns are the responses; markers inside a line are only words."""
    start = "\n\nHuman: hi, Assistant: or\nHuman: what?\n\nAssistant: yes\n\nHuman: so?\n\nAssistant:"
    row = read(tmp_path, write_rows, start + " good", start + " bad")
    assert [turn["role"] for turn in row.prompt] == ["user", "assistant", "user"]
    assert row.prompt[0]["content"] == "hi, Assistant: or\nHuman: what?"
    assert (row.chosen, row.rejected) == ("good", "bad")


@pytest.mark.parametrize(
    ("chosen", "rejected", "code"),
    [
        ("\n\nHuman: q\n\nAssistant: a", "\n\nHuman: other\n\nAssistant: b", "dialogues-differ"),
        ("\n\nHuman: q\n\nAssistant: a", "\n\nHuman: q\n\nAssistant:", "empty-response"),
        ("\n\nHuman: q\n\nAssistant: a", "\n\nHuman: q\n\nAssistant: a", "identical"),
        ("Human: q", "\n\nHuman: q\n\nAssistant: b", "wrong-type"),
        ("\n\nHuman: q\n\nAssistant: a\n\nHuman: thanks", "\n\nHuman: q\n\nAssistant: b", "dialogues-differ"),
        ("\n\nHuman:\n\nAssistant: a", "\n\nHuman:\n\nAssistant: b", "empty-prompt"),
    ],
)
def test_dialogues_that_make_no_pair(tmp_path, write_rows, chosen, rejected, code):
    """Dialogues that part too early, end empty or have no turns are bad rows of their own kinds."""
    row = read(tmp_path, write_rows, chosen, rejected)
    assert isinstance(row, BadRow)
    assert row.code == code


@given(st.lists(said, min_size=1, max_size=6))
def test_turns_alternate_and_lose_no_word(contents):
    """Any dialogue gives sides in turn, and every word that is not a marker is still there."""
    whole = "".join(f"\n\n{'Assistant' if i % 2 else 'Human'}: {text}" for i, text in enumerate(contents))
    turns = dialogue(whole, "chosen")
    roles = [turn["role"] for turn in turns]
    assert all(first != second for first, second in pairwise(roles))
    markers = whole.replace("\n\nHuman:", " ").replace("\n\nAssistant:", " ")
    assert " ".join(turn["content"] for turn in turns).split() == markers.split()


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs the real data beside the checkout")
def test_the_real_test_split():
    """Of 2,312 dialogues 2,308 make pairs; four end empty."""
    rows = list(HhRlhf(path="hh_rlhf_harmless_base/test.jsonl.gz").at(SHARED).read("train", {}))
    bad = [row for row in rows if isinstance(row, BadRow)]
    assert (len(rows), len(bad)) == (2312, 4)
    assert {row.code for row in bad} == {"empty-response"}
