import json
import tracemalloc
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from drdoctl.core.chance import share
from drdoctl.core.errors import UserError
from drdoctl.core.progress import StopRequested

SHARED = Path(__file__).parents[3] / "shared"
JSONL = {"name": "jsonl", "jsonl": "pairs.jsonl"}


def pairs(count, start=0, **more):
    rows = range(start, start + count)
    return [{"prompt": f"what is {i} ?", "chosen": f"it is {i} .", "rejected": f"a dog {i}", **more} for i in rows]


def rows_of(folder, part):
    return pq.read_table(folder / f"{part}.parquet").to_pylist()


def report(folder):
    return json.loads((folder / "report.json").read_text())


def faults(error):
    return [(fault.code, str(fault.where) if fault.where else None) for fault in error.value.faults]


def test_what_a_small_file_becomes(build_data, write_rows):
    """Pairs are rendered, tokenised and held out by prompt; counts, tokenizer and report agree with the files."""
    write_rows(pairs(200, confidence=3))
    out = build_data(JSONL)
    train, held, prompts = (rows_of(out, part) for part in ("train", "eval", "prompts"))
    assert len(train) + len(held) == 200
    assert 1 <= len(held) <= 30
    assert [row["id"] for row in train] == sorted((row["id"] for row in train), key=lambda name: int(name[6:]))
    assert {row["id"] for row in prompts} == {row["id"] for row in held}
    assert {row["prompt"] for row in train}.isdisjoint(row["prompt"] for row in held)
    assert prompts[0]["reference"] == held[0]["chosen"]
    assert prompts[0]["student_reference"] == held[0]["student_chosen"]
    told = report(out)
    assert told["parts"]["train"]["rows"] == len(train)
    assert told["parts"]["train"]["read"] == 200
    counted = sum(len(row[f"student_{name}"]) for row in train for name in ("prompt", "chosen", "rejected"))
    assert told["parts"]["train"]["tokens"] == counted
    assert told["tokenizers"]["student"]["end_token"] == "<|im_end|>"
    assert (out / "tokenizer" / "student" / "tokenizer.json").exists()
    assert not (out / "work").exists()
    assert not (out / "sft.parquet").exists()


def test_two_runs_give_the_same_bytes(build_data, write_rows):
    """Every file of the artifact is the same byte for byte, and another seed holds out other prompts."""
    write_rows(pairs(100))
    first, second, other = (build_data(JSONL, out=name, seed=seed) for name, seed in [("a", 1), ("b", 1), ("c", 2)])
    names = sorted(
        path.relative_to(first) for path in first.rglob("*") if path.is_file() and path.name != "progress.json"
    )
    assert Path("train.parquet") in names
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert rows_of(first, "eval") != rows_of(other, "eval")


def test_faults_are_all_named_at_once(build_data, write_rows):
    """Bad rows stop the stage with every place, a total, and the remedy; the exit code is 2."""
    write_rows(
        [*pairs(2), {"prompt": "p"}, {**pairs(1)[0], "rejected": 3}, {**pairs(1)[0], "score_chosen": float("nan")}]
    )
    with pytest.raises(UserError) as error:
        build_data(JSONL)
    assert faults(error) == [
        ("missing-column", "pairs.jsonl:3"),
        ("wrong-type", "pairs.jsonl:4"),
        ("not-finite", "pairs.jsonl:5"),
        ("bad-rows", None),
    ]
    last = error.value.faults[-1]
    assert "3 of 5 rows" in last.message
    assert "data.bad_rows=skip" in last.hint
    assert error.value.exit_code == 2


def test_a_row_of_10_mb_is_dropped_by_its_length(build_data, write_rows):
    """A text of 10 MB is read, found too long, counted with its place, and costs the rows around it nothing."""
    write_rows([*pairs(5), {"prompt": "p", "chosen": "x" * 10_000_000, "rejected": "r"}, *pairs(5, 10)])
    tracemalloc.start()
    found = report(build_data(JSONL))["parts"]["train"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found["read"], found["dropped"]) == (11, {"long-pair": 1})
    assert found["examples"]["long-pair"] == ["pairs.jsonl:6"]
    assert peak < 100_000_000


def test_twenty_faults_are_shown_and_all_are_counted(build_data, write_rows):
    """Of many bad rows the first twenty are named and the total is right."""
    write_rows([*pairs(3), *[{"prompt": "p", "chosen": "c"}] * 50])
    with pytest.raises(UserError) as error:
        build_data(JSONL)
    assert len(error.value.faults) == 21
    assert "50 of 53" in error.value.faults[-1].message


def test_skipped_rows_are_counted_with_their_places(build_data, write_rows):
    """With `skip`, bad rows are left out and counted by reason."""
    write_rows([*pairs(10), '{"prompt": ', {**pairs(1, 50)[0], "rejected": "it is 50 ."}])
    out = build_data(JSONL, bad_rows="skip")
    told = report(out)["parts"]["train"]
    assert told["dropped"] == {"invalid-json": 1, "identical": 1}
    assert told["examples"]["identical"] == ["pairs.jsonl:12"]


def test_duplicate_ids_are_faults(build_data, write_rows):
    """An id that is there twice is named at its second place."""
    write_rows([*pairs(2, id="same")])
    with pytest.raises(UserError) as error:
        build_data(JSONL)
    assert faults(error)[0] == ("duplicate-id", "pairs.jsonl:2")


def test_an_empty_file_is_an_error(build_data, write_rows):
    """No rows at all: the file is named."""
    write_rows([])
    with pytest.raises(UserError) as error:
        build_data(JSONL)
    assert error.value.faults[0].code == "empty-data"
    assert "pairs.jsonl" in error.value.faults[0].message


def test_no_rows_left_says_what_to_change(build_data, write_rows):
    """Where the limits leave nothing, the counts and the setting to raise are told."""
    write_rows(pairs(5))
    with pytest.raises(UserError) as error:
        build_data(JSONL, max_prompt_tokens=3)
    fault = error.value.faults[0]
    assert fault.code == "no-rows"
    assert "5 long-prompt" in fault.message
    assert "data.max_prompt_tokens" in fault.hint


def test_limits_hold_under_either_tokenizer(build_data, write_rows):
    """A pair is dropped where one of the two tokenizers makes it too long, and the count says which."""
    write_rows([*pairs(20), {"prompt": "the quick brown fox " * 8, "chosen": "c", "rejected": "r"}])
    plenty = build_data(JSONL, out="a", oracle="plain")
    longest = max(len(row["student_prompt"]) for row in rows_of(plenty, "train") + rows_of(plenty, "eval"))
    tight = build_data(JSONL, out="b", oracle="plain", max_prompt_tokens=longest - 1)
    assert report(tight)["parts"]["train"]["dropped"] == {"long-prompt": 1}
    other = build_data(JSONL, out="c", student="plain", oracle="chat", max_prompt_tokens=longest - 1)
    assert report(other)["parts"]["train"]["dropped"] == {"long-prompt-oracle": 1}
    row = rows_of(plenty, "train")[0]
    assert row["oracle_prompt"] != row["student_prompt"]
    exact = max(
        len(row["student_prompt"]) + max(len(row["student_chosen"]), len(row["student_rejected"]))
        for row in rows_of(plenty, "train")
    )
    assert len(rows_of(build_data(JSONL, out="d", max_tokens=exact), "train")) == len(rows_of(plenty, "train"))


def test_training_rows_lose_prompts_that_are_evaluated(build_data, write_rows):
    """With a file for evaluation, training rows with its prompts are dropped and counted, never the other way round."""
    write_rows(pairs(10))
    write_rows(pairs(3, start=8), "held.jsonl")
    out = build_data({**JSONL, "eval": "held.jsonl"})
    assert len(rows_of(out, "eval")) == 3
    assert len(rows_of(out, "train")) == 8
    assert report(out)["parts"]["train"]["dropped"] == {"in-eval": 2}


def test_splits_and_caps_come_in_order(build_data, write_rows):
    """Steps see the training pairs alone, `max_rows` draws from what they leave, and all of it is reported."""
    write_rows([{**row, "confidence": i % 9} for i, row in enumerate(pairs(100))])
    write_rows(pairs(30, start=500), "held.jsonl")
    source = {**JSONL, "eval": "held.jsonl"}
    out = build_data(source, split=[{"name": "easy"}], max_rows=7, max_eval_rows=5)
    assert len(rows_of(out, "train")) == 7
    assert len(rows_of(out, "eval")) == len(rows_of(out, "prompts")) == 5
    told = report(out)
    assert told["split"][0]["rows"] == 100
    assert told["parts"]["train"]["dropped"]["max-rows"] == told["split"][0]["kept"] - 7
    assert min(row["confidence"] for row in rows_of(out, "train")) >= told["split"][0]["before"]["median_confidence"]


def test_labels_turned_round_are_marked(build_data, write_rows):
    """Noise swaps responses and says where, whatever order rows have; the report counts; other files have no mark."""
    given = pairs(60)
    write_rows(given)
    noise = [{"name": "label-noise", "fraction": 0.3}]
    out, plain = build_data(JSONL, split=noise, max_rows=20, out="noisy"), build_data(JSONL, max_rows=20, out="plain")
    write_rows([{"id": f"train-{at}", **row} for at, row in reversed(list(enumerate(given, start=1)))])
    turned = build_data(JSONL, split=noise, out="turned")
    before = {row["id"]: row for row in rows_of(plain, "train")}
    flipped = {row["id"]: row["flipped"] for row in rows_of(out, "train")}
    for row in rows_of(out, "train"):
        old = before[row["id"]]
        sides = ("rejected", "chosen") if row["flipped"] else ("chosen", "rejected")
        assert [row["chosen"], row["rejected"]] == [old[side] for side in sides]
        assert [row["student_chosen"], row["student_rejected"]] == [old[f"student_{side}"] for side in sides]
    assert flipped.items() <= {row["id"]: row["flipped"] for row in rows_of(turned, "train")}.items()
    told = report(out)["statistics"]
    assert [row["after"] for row in told["train"]] == ["all rows", "label-noise", "max-rows"]
    assert [row["flipped"] for row in told["train"]] == [0, share(0.3, told["train"][0]["rows"]), sum(flipped.values())]
    assert [(row["after"], row["rows"]) for row in told["eval"]] == [("all rows", len(rows_of(out, "eval")))]
    assert "flipped" not in rows_of(plain, "train")[0]
    assert "flipped" not in rows_of(out, "eval")[0]


def test_a_split_without_confidence_is_an_error(build_data, write_rows):
    """`hard` over rows that say nothing of their strength names them."""
    write_rows(pairs(10))
    with pytest.raises(UserError) as error:
        build_data(JSONL, split=[{"name": "hard"}])
    assert error.value.faults[0].code == "missing-confidence"


def test_what_stands_for_confidence(build_data, write_rows):
    """Confidence is the row's own, else the score margin, else the distance of the preference from one half."""
    more = [{"confidence": 4}, {"score_chosen": 5, "score_rejected": 2}, {"preference": 0.75}, {}]
    write_rows([{**row, **extra} for row, extra in zip(pairs(4), more, strict=True)])
    out = build_data(JSONL)
    found = {row["id"]: row["confidence"] for part in ("train", "eval") for row in rows_of(out, part)}
    assert found == {"train-1": 4.0, "train-2": 3.0, "train-3": 0.25, "train-4": None}


def test_edit_distance_is_over_tokens(build_data, write_rows):
    """The distance is the share of tokens to change, the end token left out."""
    write_rows([{"prompt": "p", "chosen": "the fox", "rejected": "the dog"}, *pairs(1)])
    out = build_data(JSONL, student="plain")
    row = next(row for part in ("train", "eval") for row in rows_of(out, part) if row["id"] == "train-1")
    chosen, rejected = row["student_chosen"][:-1], row["student_rejected"][:-1]
    same = sum(a == b for a, b in zip(chosen, rejected, strict=True))
    assert row["edit_distance"] == pytest.approx(1 - same / len(chosen))


def test_demonstrations_and_references_for_sft(build_data, write_rows):
    """A source with demonstrations gives them; `reference` gives one human response a prompt; without any, an error."""
    out = build_data(
        {"name": "notes", "train": 50, "eval": 10, "sft": 40, "prompts": 10}, sft_rows="auto", student="plain"
    )
    assert len(rows_of(out, "sft")) == 40
    assert rows_of(out, "sft")[0]["student_chosen"][-1] == report(out)["tokenizers"]["student"]["end_token_id"]
    assert len(rows_of(out, "prompts")) == 10
    twice = pairs(20, reference="the human 's answer")
    write_rows(twice + [{**row, "chosen": "else"} for row in twice])
    referred = build_data(JSONL, out="b", sft_rows="reference")
    prompts = {row["prompt"] for row in rows_of(referred, "train")}
    assert sorted(row["prompt"] for row in rows_of(referred, "sft")) == sorted(prompts)
    assert {row["chosen"] for row in rows_of(referred, "sft")} == {"the human 's answer"}
    assert rows_of(referred, "prompts")[0]["reference"] == "the human 's answer"
    write_rows(pairs(5))
    with pytest.raises(UserError) as error:
        build_data(JSONL, out="c", sft_rows="reference")
    assert error.value.faults[0].code == "no-references"
    with pytest.raises(UserError) as error:
        build_data(JSONL, out="d", sft_rows="demonstrations")
    assert error.value.faults[0].code == "no-demonstrations"


def test_a_prompt_without_a_common_token_is_tokenised_apart(build_data, write_rows):
    """Where prompt and whole text share no token at their start, there still is a prompt to share."""
    write_rows(
        [{"prompt": " ", "chosen": "x", "rejected": "y"}, {"prompt": "t", "chosen": "he", "rejected": "oo"}, *pairs(2)]
    )
    out = build_data(JSONL, bad_rows="skip", template="none")
    assert all(row["student_prompt"] for part in ("train", "eval") for row in rows_of(out, part))


def test_ties_are_counted_and_are_no_faults(build_data, write_rows):
    """What is sound but prefers neither response is left out and counted, even where bad rows stop the stage."""
    answers = {"output_1": "it is", "output_2": "a dog"}
    write_rows([{"instruction": f"do {i}", **answers, "preference": 1.5 if i < 3 else 2} for i in range(20)])
    out = build_data({"name": "alpaca-eval", "path": "pairs.jsonl"})
    assert report(out)["parts"]["train"]["dropped"] == {"tie": 3}


def test_stop_ends_between_chunks(build_data, write_rows):
    """A wish to stop is heard while rows are read."""
    write_rows(pairs(5))
    with pytest.raises(StopRequested):
        build_data(JSONL, stop=True)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs the real data beside the checkout")
def test_the_real_sample_end_to_end(build_data):
    """UltraFeedback's sample with SmolLM2's tokenizer: every row is accounted for, and a pair reads as it should."""
    from transformers import AutoTokenizer

    out = build_data(
        {"name": "ultrafeedback", "path": "ultrafeedback_binarized_sample"},
        base=SHARED / "data",
        student=SHARED / "models" / "smollm2-135m-instruct",
        bad_rows="skip",
        max_tokens=512,
        max_prompt_tokens=256,
    )
    told = report(out)["parts"]
    assert (told["train"]["read"], told["eval"]["read"]) == (1000, 200)
    for part in ("train", "eval"):
        assert told[part]["kept"] + sum(told[part]["dropped"].values()) == told[part]["read"]
    assert told["train"]["kept"] > 400
    row = rows_of(out, "train")[0]
    tokenizer = AutoTokenizer.from_pretrained(out / "tokenizer" / "student")
    assert tokenizer.decode(row["student_prompt"]) == row["prompt"]
    assert tokenizer.decode(row["student_chosen"]) == row["chosen"] + "<|im_end|>"
