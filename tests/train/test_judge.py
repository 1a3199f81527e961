"""Judges: the oracle reads text in its own tokens, closed by its end token; truth comes from the rows' own source."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tokenizers
import transformers

from drdoctl.data._render import Renderer
from drdoctl.data.notes import Notes
from drdoctl.train.judge import add_truth, oracle_items, source_dataset
from drdoctl.train.rendering import answers, renderer
from drdoctl.train.response_table import Prompts, Responses

WORDS = {"[UNK]": 0, "</s>": 1, "<": 2, "/": 3, "s": 4, ">": 5, "good": 6, "dog": 7}

MODELS = Path(__file__).parents[2] / ".." / "shared" / "models"


@pytest.fixture
def job(tmp_path):
    """Return a job whose data artifact has a tokenizer for the student and another for the oracle."""
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS, unk_token="[UNK]"))  # a token, no secret
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
    manifest = {"settings": {"data.source": {"name": "notes", "prompts": 5}}}
    (tmp_path / "data" / "manifest.json").write_text(json.dumps(manifest))
    return SimpleNamespace(inputs={}, settings={"seed": 3}, input=lambda role: tmp_path / role)


def test_oracle_reads_its_own_tokens(job):
    """Responses are tokenised with the oracle's tokenizer and end token; text like a control token stays text."""
    prompts = Prompts(["a", "b"], ["x", "y"], [None, None], [[9], [9]], [[7], [7, 7]], [], [])
    group = Responses("t0", ["b", "a"], ["good </s> dog", ""], np.array([3, 1]), np.array([True, True]))
    assert oracle_items(job, prompts, group) == [([7, 7], ([6, 2, 3, 4, 5, 7, 1],)), ([7], ([1],))]


def test_references_keep_the_tokens_of_the_data_stage(job):
    """A logged response is scored with the very ids that the data stage wrote."""
    prompts = Prompts(["a", "b"], ["x", "y"], ["r", "s"], [[9], [9]], [[7], [7, 7]], [[8], [8, 8]], [[6, 1], [5, 1]])
    assert oracle_items(job, prompts, prompts.references(9)) == [([7], ([6, 1],)), ([7, 7], ([5, 1],))]


@pytest.mark.shared
@pytest.mark.skipif(not MODELS.is_dir(), reason="no models beside the checkout")
@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "stories260k"])
@pytest.mark.parametrize("template", ["auto", "none"])
def test_a_sampled_text_is_scored_as_the_data_stage_would_have_it(job, tmp_path, name, template):
    """The tokens of a training response, decoded as a sample and encoded for the judge, are the same tokens."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODELS / name)
    for who in ("student", "oracle"):
        tokenizer.save_pretrained(tmp_path / "data" / "tokenizer" / who)
    made = Renderer(tokenizer, template)
    report = {"tokenizers": {who: made.describe() for who in ("student", "oracle")}}
    (tmp_path / "data" / "report.json").write_text(json.dumps(report))
    asked = ["Tell a story.", "What is <|im_end|>?", "Summary:\n"]
    said = ["Once upon a time, there was a dog.", "A token </s> that ends a turn.", "It was\n\ngood."]
    rows = made.encode([(prompt, [text]) for prompt, text in zip(asked, said, strict=True)])
    student = renderer(job, "student")
    prompt_text = [made.prompt_text(prompt) for prompt in asked]
    sampled = student.tokenizer.batch_decode(
        [row.responses[0][:-1] for row in rows], clean_up_tokenization_spaces=False
    )
    text = answers(student, prompt_text, sampled)
    whole = [row.whole_prompt for row in rows]
    prompts = Prompts(["a", "b", "c"], prompt_text, [None] * 3, whole, whole, [], [])
    items = oracle_items(job, prompts, Responses("t0", prompts.ids, text, np.ones(3), np.ones(3, dtype=bool)))
    for (prompt, (ids,)), row in zip(items, rows, strict=True):
        assert (list(prompt), ids) == (row.prompt, row.responses[0])


def test_truth_comes_from_the_source(job):
    """The source that the data's manifest names says the true reward; an unended response costs."""
    world = source_dataset(job)
    assert isinstance(world, Notes)
    row = next(iter(world.read("prompts", {})))
    prompts = Prompts(["a"], [row.prompt], [None], [[9]], [[9]], [], [])
    groups = [
        Responses(name, ["a"], [row.reference], np.array([9]), np.array([ended]))
        for name, ended in (("whole", True), ("cut", False))
    ]
    add_truth(job, prompts, groups)
    whole, cut = (group.scores["truth.reward"][0] for group in groups)
    assert whole == pytest.approx(world.truth(row.prompt, row.reference, True)["reward"])
    assert cut == pytest.approx(whole - 1)
    assert world.prompts == 5


def test_no_source_no_truth(job, tmp_path):
    """Where nothing says what the rows came from, there are no true scores, and no error."""
    (tmp_path / "data" / "manifest.json").unlink()
    group = Responses("t0", ["a"], ["x"], np.array([1]), np.array([True]))
    add_truth(job, Prompts(["a"], ["x"], [None], [[9]], [[9]], [], []), [group])
    assert group.scores == {}


def test_a_judge_may_read_by_a_tokenizer_of_its_own(job, tmp_path):
    """Prompts and references come in the judge's tokens, and responses are tokenised with its tokenizer."""
    (tmp_path / "data" / "tokenizer" / "oracle").rename(tmp_path / "data" / "tokenizer" / "judge_0a1b2c3d")
    own = {"judge_0a1b2c3d": ([[7]], [[6, 1]])}
    prompts = Prompts(["a"], ["x"], ["r"], [[9]], [[5]], [[8]], [[4, 1]], own)
    group = Responses("t0", ["a"], ["good dog"], np.array([3]), np.array([True]))
    assert oracle_items(job, prompts, group, "judge_0a1b2c3d") == [([7], ([6, 7, 1],))]
    assert oracle_items(job, prompts, prompts.references(9), "judge_0a1b2c3d") == [([7], ([6, 1],))]
    assert oracle_items(job, prompts, prompts.references(9), "student") == [([9], ([8],))]
