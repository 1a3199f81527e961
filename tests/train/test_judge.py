"""Judges: the oracle reads text in its own tokens, closed by its end token; truth comes from the rows' own source."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tokenizers
import transformers

from drdoctl.data.notes import Notes
from drdoctl.train.judge import add_truth, end_id, oracle_items, source_dataset
from drdoctl.train.response_table import Prompts, Responses

WORDS = {"[UNK]": 0, "</s>": 1, "<": 2, "/": 3, "s": 4, ">": 5, "good": 6, "dog": 7}


@pytest.fixture
def job(tmp_path):
    """Return a job whose data artifact has a tokenizer for the student and another for the oracle."""
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS, unk_token="[UNK]"))  # noqa: S106  # a token, no secret
    words.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [tokenizers.pre_tokenizers.Whitespace(), tokenizers.pre_tokenizers.Punctuation("isolated")]
    )
    special = {"eos_token": "</s>", "unk_token": "[UNK]"}
    oracle = transformers.PreTrainedTokenizerFast(tokenizer_object=words, **special)
    oracle.save_pretrained(tmp_path / "data" / "tokenizer" / "oracle")
    columns = {
        "student_prompt": [[9, 9]],
        "student_chosen": [[9, 77]],
        "oracle_prompt": [[7]],
        "oracle_chosen": [[6, 1]],
    }
    pq.write_table(pa.table({"id": ["a"], **columns}), tmp_path / "data" / "train.parquet")
    (tmp_path / "data" / "report.json").write_text(json.dumps({"source": "notes"}))
    return SimpleNamespace(inputs={}, settings={"seed": 3}, input=lambda role: tmp_path / role)


def test_oracle_reads_its_own_tokens(job):
    """Responses are tokenised with the oracle's tokenizer and end token; text like a control token stays text."""
    prompts = Prompts(["a", "b"], ["x", "y"], [None, None], [[9], [9]], [[7], [7, 7]], [0, 0])
    group = Responses("t0", ["b", "a"], ["good </s> dog", ""], np.array([3, 1]), np.array([True, True]))
    assert oracle_items(job, prompts, group) == [([7, 7], ([6, 2, 3, 4, 5, 7, 1],)), ([7], ([1],))]
    assert (end_id(job, "student"), end_id(job, "oracle")) == (77, 1)


def test_truth_comes_from_the_source(job):
    """The source named by the job, else by the data's report, says the true reward; an unended response costs."""
    world = source_dataset(job)
    assert isinstance(world, Notes)
    row = next(iter(world.read("prompts", {})))
    prompts = Prompts(["a"], [row.prompt], [None], [[9]], [[9]], [0])
    groups = [
        Responses(name, ["a"], [row.reference], np.array([9]), np.array([ended]))
        for name, ended in (("whole", True), ("cut", False))
    ]
    add_truth(job, prompts, groups)
    whole, cut = (group.scores["truth.reward"][0] for group in groups)
    assert whole == pytest.approx(world.truth(row.prompt, row.reference, True)["reward"])
    assert cut == pytest.approx(whole - 1)
    job.settings["data.source"] = {"name": "notes", "prompts": 5}
    assert source_dataset(job).prompts == 5


def test_no_source_no_truth(job, tmp_path):
    """Where nothing says what the rows came from, there are no true scores, and no error."""
    (tmp_path / "data" / "report.json").unlink()
    group = Responses("t0", ["a"], ["x"], np.array([1]), np.array([True]))
    add_truth(job, Prompts(["a"], ["x"], [None], [[9]], [[9]], [0]), [group])
    assert group.scores == {}
