"""The rows that only judges learn from: `data.judge_fraction`."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from drdoctl.core.errors import UserError

JSONL = {"name": "jsonl", "jsonl": "pairs.jsonl"}


def rows_of(folder, part):
    return pq.read_table(folder / f"{part}.parquet").to_pylist()


def pairs(count):
    return [{"prompt": f"what is {i // 2} ?", "chosen": f"it is {i} .", "rejected": f"a dog {i}"} for i in range(count)]


def test_judge_rows_are_on_no_other_side(build_data, write_rows):
    """About the fraction of the training prompts is put aside, with all their pairs; the evaluation pairs stay."""
    write_rows(pairs(600))
    without, apart = build_data(JSONL, out="a"), build_data(JSONL, out="b", judge_fraction=0.3)
    train, held, judge = ({row["prompt"] for row in rows_of(apart, part)} for part in ("train", "eval", "judge"))
    assert not train & judge
    assert not held & judge
    assert rows_of(apart, "eval") == rows_of(without, "eval")
    whole = {row["id"]: row for row in rows_of(without, "train")}
    assert {row["id"]: row for part in ("train", "judge") for row in rows_of(apart, part)} == whole
    assert 0.22 < len(judge) / len(train | judge) < 0.38
    assert not (without / "judge.parquet").exists()
    told = json.loads((apart / "report.json").read_text())
    assert told["parts"]["judge"]["rows"] == len(rows_of(apart, "judge"))


def test_judge_rows_are_neither_split_nor_capped_nor_imitated(build_data, write_rows):
    """Splits and `max_rows` are about what the student sees; its demonstrations leave the judge's prompts out."""
    write_rows([{**row, "confidence": i % 9, "reference": "yes"} for i, row in enumerate(pairs(400))])
    plain = build_data(JSONL, out="a", judge_fraction=0.3)
    split = build_data(JSONL, out="b", judge_fraction=0.3, split=[{"name": "easy"}], max_rows=20, sft_rows="reference")
    assert rows_of(split, "judge") == rows_of(plain, "judge")
    assert len(rows_of(split, "train")) == 20
    world = {"name": "notes", "train": 80, "eval": 10, "sft": 60, "prompts": 10}
    shown = build_data(world, out="c", judge_fraction=0.5, sft_rows="auto", student="plain")
    imitated, judged = ({row["prompt"] for row in rows_of(shown, part)} for part in ("sft", "judge"))
    assert imitated
    assert judged
    assert not imitated & judged


def test_a_judges_own_tokenizer_has_columns_of_its_own(build_data, write_rows, tokenizer_folders):
    """Rows are also encoded for a judge whose tokenizer is neither the student's nor the oracle's."""
    write_rows(pairs(40))
    more = {"judge_0a1b2c3d.tokenizer": {"path": str(tokenizer_folders / "plain")}}
    out = build_data(JSONL, judge_fraction=0.5, locations=more)
    row = rows_of(out, "judge")[0]
    assert row["judge_0a1b2c3d_prompt"] != row["student_prompt"]
    assert "judge_0a1b2c3d_reference" in rows_of(out, "prompts")[0]
    assert (out / "tokenizer" / "judge_0a1b2c3d" / "tokenizer.json").is_file()


def test_one_prompt_cannot_be_shared(build_data, write_rows):
    """With a single training prompt there is nothing to put aside, and the message says so."""
    write_rows(pairs(3))
    with pytest.raises(UserError, match="cannot be shared with judges"):
        build_data(JSONL, judge_fraction=0.5)


def test_rows_too_long_for_a_judge_say_which_setting_to_raise(build_data, write_rows, tokenizer_folders):
    """Where the judge's tokens alone make all rows too long, the remedy is the limit's, as for the student's."""
    write_rows(pairs(4))
    more = {"judge_0a1b2c3d.tokenizer": {"path": str(tokenizer_folders / "chat")}}
    with pytest.raises(UserError, match="4 long-prompt-judge_0a1b2c3d") as error:
        build_data(JSONL, student="plain", judge_fraction=0.5, locations=more, max_prompt_tokens=8)
    assert "data.max_prompt_tokens" in error.value.faults[0].hint
