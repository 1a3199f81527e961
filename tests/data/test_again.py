"""The second half of a divided split, over real artifacts of the first."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drdoctl.core.errors import DrdoError, IntegrityError
from drdoctl.core.progress import StopRequested
from drdoctl.data._again import Scored, build_again
from drdoctl.data._read import Request
from drdoctl.splits._apply import apply_steps

JSONL = {"name": "jsonl", "jsonl": "pairs.jsonl", "eval": None}


def row(at):
    """Return a pair whose chosen response is the longer one in a third of the rows."""
    long, short = f"answer {at} which goes on for a while and a bit more", f"answer {at}"
    chosen, rejected = (long, short) if at % 3 == 0 else (short, long)
    scores = {"score_chosen": at / 10, "score_rejected": 2.0, "preference": 0.75}
    reference = {"reference": f"reference {at}"} if at % 2 else {}
    return {
        "id": f"p{at}", "prompt": f"question {at // 2}", "chosen": chosen, "rejected": rejected, **scores, **reference
    }  # fmt: skip


@pytest.fixture
def first(build_data, write_rows):
    """Return a data artifact of 80 pairs, two of each prompt."""
    write_rows([row(at) for at in range(80)])
    return build_data(JSONL, sft_rows="reference", eval_fraction=0.2, out="first")


@pytest.fixture
def rewards(first, tmp_path):
    """Return a rewards artifact whose oracle prefers the longer response in half of the pairs, and ties in some."""
    pairs = pq.read_table(first / "train.parquet").to_pylist()
    margins = [float(int(pair["id"][1:]) % 5 - 2) for pair in pairs]
    return write_rewards(tmp_path / "rewards", [pair["id"] for pair in pairs], margins)


def write_rewards(folder, ids, margins):
    """Write a rewards artifact of one oracle."""
    folder.mkdir()
    numbers = pa.array(np.array(margins, dtype=np.float32))
    zero = pa.array(np.zeros(len(ids), dtype=np.float32))
    pq.write_table(pa.table({"id": ids, "chosen_0": numbers, "rejected_0": zero}), folder / "train.parquet")
    return folder


def again(first, rewards, out, steps, *, max_rows=None, rows="reference", stop=False):
    """Run the second stage; return its folder."""
    out.mkdir(exist_ok=True)
    if stop:
        (out / "stop").touch()
    data = {
        "data.split": steps, "data.max_rows": max_rows, "data.max_tokens": 1024, "data.max_prompt_tokens": 512
    }  # fmt: skip
    settings = {**data, "seed": 42, "student.sft.rows": rows}
    build_again(Request(settings, {}, str(out), apply_steps), Scored(first, rewards))
    return out


def rows_of(folder, part="train"):
    return {one["id"]: one for one in pq.read_table(folder / f"{part}.parquet").to_pylist()}


def test_labels_are_turned_round_whole(first, rewards, tmp_path):
    """Texts, ids and scores change places, p becomes 1 - p, the row says so, and all else stays."""
    before, after = rows_of(first), rows_of(again(first, rewards, tmp_path / "out", [{"name": "relabel"}]))
    assert list(after) == list(before)
    swapped = {"chosen", "rejected", "score_chosen", "score_rejected", "student_chosen", "student_rejected"}
    for name, pair in after.items():
        old = before[name]
        assert pair["flipped"] == (int(name[1:]) % 5 < 2)
        for column in swapped:
            other = column.replace("chosen", "x").replace("rejected", "chosen").replace("x", "rejected")
            assert pair[column] == old[other if pair["flipped"] else column]
        assert pair["preference"] == (0.25 if pair["flipped"] else 0.75)
        for column in old.keys() - swapped - {"preference"}:
            assert pair[column] == old[column]


def test_what_no_step_touches_is_the_same(first, rewards, tmp_path):
    """Held-out pairs, prompts and tokenizers are byte for byte those of the first stage; logs are its own."""
    (first / "log.txt").write_text("the first stage's")
    out = again(first, rewards, tmp_path / "out", [{"name": "relabel"}])
    for name in ("eval.parquet", "prompts.parquet", "tokenizer/student/tokenizer.json"):
        assert (out / name).read_bytes() == (first / name).read_bytes()
    assert not (out / "log.txt").exists()


def test_the_report_goes_on(first, rewards, tmp_path):
    """Counts are of the pairs left, drops of both stages add up, and statistics have a row for every step."""
    steps = [{"name": "length-bias", "rho": 0.5, "size": 20}, {"name": "label-noise", "fraction": 0.5}]
    out = again(first, rewards, tmp_path / "out", steps, max_rows=10)
    told, old = (json.loads((folder / "report.json").read_text()) for folder in (out, first))
    assert told["parts"]["train"]["rows"] == told["parts"]["train"]["kept"] == len(rows_of(out)) == 10
    assert told["parts"]["train"]["dropped"] == {"split": old["parts"]["train"]["rows"] - 20, "max-rows": 10}
    table = told["statistics"]["train"]
    assert [one["after"] for one in table] == ["all rows", "length-bias", "label-noise", "max-rows"]
    assert (table[1]["longer_chosen"], table[1]["rows"]) == (0.5, 20)
    assert table[-1]["flipped"] == sum(one["flipped"] for one in rows_of(out).values())
    assert told["statistics"]["eval"] == old["statistics"]["eval"]
    assert [one["step"]["name"] for one in told["split"]] == ["length-bias", "label-noise"]
    # what the last row says of lengths is what the file holds
    longer = [len(one["student_chosen"]) > len(one["student_rejected"]) for one in rows_of(out).values()]
    assert table[-1]["longer_chosen"] == pytest.approx(sum(longer) / 10)


def test_no_prompt_is_on_both_sides(first, rewards, tmp_path):
    """Prompts of the pairs that are left are none of the held-out ones."""
    out = again(first, rewards, tmp_path / "out", [{"name": "length-bias", "rho": 0.4, "size": 20}])
    train, held = ({one["prompt"] for one in rows_of(out, part).values()} for part in ("train", "eval"))
    assert train
    assert not train & held


def test_references_are_those_of_the_pairs_left(first, rewards, tmp_path):
    """With `rows: reference` SFT imitates one reference of each prompt that is still trained on, and no other."""
    out = again(first, rewards, tmp_path / "out", [{"name": "sample", "rows": 12}])
    imitated = {one["prompt"] for one in rows_of(out, "sft").values()}
    assert imitated == {one["prompt"] for one in rows_of(out).values()}
    assert imitated < {one["prompt"] for one in rows_of(first, "sft").values()}
    told = json.loads((out / "report.json").read_text())["parts"]["sft"]
    assert (told["rows"], told["prompts"]) == (len(imitated), len(imitated))


def test_demonstrations_stay(first, rewards, tmp_path):
    """Rows of the source's own that SFT imitates are the same for every split."""
    out = again(first, rewards, tmp_path / "out", [{"name": "sample", "rows": 12}], rows="demonstrations")
    assert (out / "sft.parquet").read_bytes() == (first / "sft.parquet").read_bytes()


def test_labels_turned_round_before(build_data, write_rows, tmp_path):
    """A mark from the first stage is about the source's label: turned round again, a pair is as the source had it."""
    write_rows([row(at) for at in range(40)])
    first = build_data(JSONL, split=[{"name": "label-noise", "fraction": 1.0}], out="first")
    noisy = rows_of(first)
    assert all(one["flipped"] for one in noisy.values())
    rewards = write_rewards(tmp_path / "rewards", list(noisy), [1.0 if at % 2 else -1.0 for at in range(len(noisy))])
    for at, (name, pair) in enumerate(rows_of(again(first, rewards, tmp_path / "out", [{"name": "relabel"}])).items()):
        assert pair["flipped"] == bool(at % 2)
        assert pair["chosen"] == row(int(name[1:]))["rejected" if at % 2 else "chosen"]


def test_the_same_bytes_again_and_after_a_stop(first, rewards, tmp_path):
    """Stopped before it began and run again, or run elsewhere, the stage leaves the same bytes."""
    steps = [{"name": "length-bias", "rho": 0.6, "size": 20}]
    with pytest.raises(StopRequested):
        again(first, rewards, tmp_path / "out", steps, stop=True)
    (tmp_path / "out" / "stop").unlink()
    found = again(first, rewards, tmp_path / "out", steps), again(first, rewards, tmp_path / "other", steps)
    for path in (path for path in found[0].rglob("*") if path.is_file()):
        assert path.read_bytes() == (found[1] / path.relative_to(found[0])).read_bytes()


def test_rewards_of_other_pairs_are_refused(first, rewards, tmp_path):
    """Fewer rewards than pairs, or in another order, are an integrity error that names both folders."""
    names = list(rows_of(first))
    for at, ids in enumerate((names[:-1], [*names, "more"], [names[1], names[0], *names[2:]])):
        wrong = write_rewards(tmp_path / f"wrong-{at}", ids, [0.0] * len(ids))
        with pytest.raises(IntegrityError, match="are not of the pairs"):
            again(first, wrong, tmp_path / f"out-{at}", [{"name": "relabel"}])


def test_nothing_left_is_an_error(first, rewards, tmp_path):
    """A split that keeps no pair says how many there were and what took them."""
    steps = [{"name": "margin", "by": "oracle", "at_least": 99.0}]
    with pytest.raises(DrdoError) as error:
        again(first, rewards, tmp_path / "out", steps)
    assert error.value.faults[0].code == "no-rows"


def test_a_file_that_cannot_be_linked_is_copied(first, rewards, tmp_path, monkeypatch):
    """On a file system without links the artifact is complete all the same."""
    monkeypatch.setattr("pathlib.Path.hardlink_to", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    out = again(first, rewards, tmp_path / "out", [{"name": "relabel"}])
    assert (out / "eval.parquet").read_bytes() == (first / "eval.parquet").read_bytes()
