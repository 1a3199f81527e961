from pathlib import Path

import pytest

from drdoctl.data import BadRow
from drdoctl.data.ultrafeedback import UltraFeedback

SHARED = Path(__file__).parents[3] / "shared" / "data"


def test_messages_with_scores(tmp_path, write_rows):
    """The Hub's shape: message lists, scores beside them, the prompt again as text."""
    ask = {"role": "user", "content": "q"}
    write_rows(
        [
            {
                "prompt": "q",
                "prompt_id": "x",
                "chosen": [ask, {"role": "assistant", "content": "good"}],
                "rejected": [ask, {"role": "assistant", "content": "bad"}],
                "messages": [],
                "score_chosen": 8.5,
                "score_rejected": 7.0,
            },
        ],
    )
    row = next(UltraFeedback(path="pairs.jsonl").at(tmp_path).read("train", {}))
    assert (row.prompt, row.chosen, row.rejected) == ([ask], "good", "bad")
    assert (row.id, row.score_chosen, row.score_rejected) == ("train-1", 8.5, 7.0)


def test_plain_texts_with_scores_in_metadata(tmp_path, write_rows):
    """The flat shape: an instruction is a user's turn, and scores lie in `metadata`."""
    scores = {"score_chosen": 8.0, "score_rejected": 8.0}
    write_rows([{"prompt": "q", "chosen": "a", "rejected": "b", "metadata": scores}])
    row = next(UltraFeedback(path="pairs.jsonl").at(tmp_path).read("train", {}))
    assert row.prompt == [{"role": "user", "content": "q"}]
    assert (row.score_chosen, row.score_rejected) == (8.0, 8.0)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs the real data beside the checkout")
def test_the_real_sample():
    """Of the sample's 1,000 + 200 pairs 994 and 199 can be used; the others have places."""
    source = UltraFeedback(path="ultrafeedback_binarized_sample").at(SHARED)
    train, held = (list(source.read(part, {})) for part in ("train", "eval"))
    assert (len(train), len(held)) == (1000, 200)
    bad = [row for row in train + held if isinstance(row, BadRow)]
    assert sorted({row.code for row in bad}) == ["empty-response", "identical"]
    assert len(bad) == 7
    assert bad[0].where.endswith("train.jsonl.gz:307")
    scored = [row for row in train if not isinstance(row, BadRow)]
    assert all(row.score_chosen >= row.score_rejected for row in scored)
