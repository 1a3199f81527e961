"""Which models and tokenizers a spec uses, and all that is wrong with them at once."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))

from plan_world import write_model

from drdoctl.core.architectures import shape_of
from drdoctl.core.errors import UserError
from drdoctl.spec.facts import Facts
from drdoctl.spec.model import NewModel, Spec
from drdoctl.spec.used import check, new_model_config, oracle_model, student_model, student_tokenizer

THINGS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_things.py"))


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """Return facts over a folder with two models."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    write_model(tmp_path / "base")
    return Facts(tmp_path, tmp_path / "store")


def spec(**sections):
    """Return a spec."""
    return Spec.model_validate(
        {"version": 1, "name": "x", "data": {"source": "notes", "max_tokens": 64}, "student": {"model": {}}, **sections}
    )


def test_a_new_model_takes_the_datasets_tokenizer(facts):
    """A new model has no folder, and reads the tokenizer that the generated world brings, unless another is named."""
    assert student_model(spec(), facts) is None
    assert student_tokenizer(spec(), facts).location == {"dataset": True}
    named = spec(student={"model": {}, "tokenizer": "./base"})
    assert student_tokenizer(named, facts).location == {"path": str(facts.base / "base")}


def test_a_new_model_without_any_tokenizer(facts):
    """Rows from a file bring no tokenizer: the remedy is `student.tokenizer`."""
    (facts.base / "a.jsonl").write_text("{}\n")
    with pytest.raises(UserError) as caught:
        student_tokenizer(spec(data={"source": {"jsonl": "a.jsonl"}}), facts)
    assert "student.tokenizer" in caught.value.faults[0].hint


def test_oracles(facts):
    """No oracle and one that starts from the student's SFT point at nothing; another one points at its folder."""
    assert oracle_model(spec(), facts) is None
    assert oracle_model(spec(oracle={"model": "sft"}), facts) is None
    assert oracle_model(spec(oracle={"model": "./base"}), facts).location["path"].endswith("base")


def test_all_faults(facts):
    """Student and oracle are both named, each once; a sound spec has no fault."""
    wrong = spec(student={"model": "./none"}, oracle={"model": "./gone"})
    assert [fault.code for fault in check(wrong, facts)] == ["no-folder", "no-folder"]
    assert check(spec(oracle={"model": "./base"}), facts) == []


def test_too_short_a_model_is_a_fault(facts):
    """A model whose positions end before `data.max_tokens` is refused, with the limit in the remedy."""
    wrong = spec(data={"source": "notes", "max_tokens": 129}, student={"model": "./base"})
    faults = check(wrong, facts)
    assert [fault.code for fault in faults] == ["too-long-for-model"]
    assert "data.max_tokens=128" in faults[0].hint


def test_a_tokenizer_that_its_model_has_no_embeddings_for(facts, tmp_path):
    """Whether it lies in the model's own folder or is named beside it: the key that named it is at fault."""
    write_model(tmp_path / "narrow", vocab_size=31)
    assert [fault.code for fault in check(spec(oracle={"model": "./base"}), facts)] == []
    own = check(spec(student={"model": "./base"}, oracle={"model": "./narrow"}), facts)
    assert [(fault.code, fault.message[:16]) for fault in own] == [("tokenizer-mismatch", "`oracle.model`: ")]
    assert "resize_token_embeddings" in own[0].hint
    other = check(spec(student={"model": "./narrow", "tokenizer": "./base"}), facts)
    assert [(fault.code, fault.message[:21]) for fault in other] == [("tokenizer-mismatch", "`student.tokenizer`: ")]
    (tmp_path / "narrow" / "tokenizer.json").rename(tmp_path / "narrow" / "vocab.json")
    assert check(spec(student={"model": "./narrow"}), facts) == []


def test_new_models_have_a_shape():
    """What a new model's configuration will be gives its size."""
    assert (
        shape_of(new_model_config(NewModel(), 123)).parameters == 123 * 64 + 2 * (4 * 64**2 + 3 * 64 * 192 + 128) + 64
    )


def test_all_that_is_wrong_with_a_judge_is_said_at_once(facts):
    """A judge that takes too few tokens and has an adapter on no matrix of its own is told both, as an oracle is."""
    wrong = {"model": "./base", "lora": {"target": ["v_pro"]}}
    data = {"source": "notes", "max_tokens": 129}
    for parts in ({"oracle": wrong}, {"judges": {"j": wrong}}):
        found = check(spec(data=data, **parts), facts)
        assert [fault.code for fault in found] == ["too-long-for-model", "unknown-target"], parts


@pytest.mark.parametrize("model", ["./base", {"model_type": "llama"}])
def test_adapters_sit_on_matrices_that_are_there(facts, model):
    """A name that the architecture does not have is a fault for student and oracle; its own names are none."""
    one = spec(student={"model": model, "lora": {"target": ["q_proj", "lm_head"]}}, data={"source": "notes"})
    assert [fault.code for fault in check(one, facts) if fault.code == "unknown-target"] == ["unknown-target"]
    both = spec(
        student={"model": model, "lora": {"target": "all-linear"}},
        oracle={"model": "sft", "lora": {"target": ["v_pro"]}},
    )
    (fault,) = [fault for fault in check(both, facts) if fault.code == "unknown-target"]
    assert "`oracle.lora.target`" in fault.message
    assert "v_proj" in fault.hint


def test_a_split_cannot_ask_for_more_pairs_than_there_are(facts):
    """A size beyond the source's rows is known before anything is trained; as many as there are may be enough."""

    def drawn(size):
        data = {"source": {"name": "notes", "train": 96}, "split": [{"name": "length-bias", "rho": 0.5, "size": size}]}
        return spec(data=data | {"max_tokens": 64, "max_prompt_tokens": 32})

    (fault,) = check(drawn(97), facts)
    assert (fault.code, "97 pairs, and dataset `notes` has 96" in fault.message) == ("too-few-pairs", True)
    assert check(drawn(96), facts) == []


def test_members_are_reward_models_that_read_what_the_oracle_reads(facts, tmp_path):
    """A named member that is a student, or has another tokenizer, is refused at its place in the list."""
    (tmp_path / "uploads").mkdir()
    files = THINGS["FILES"]
    other = {**files, "tokenizer.json": b'{"version": "2.0"}\n'}
    for name, held, more in (
        ("one", files, {}),
        ("odd", other, {}),
        ("talker", files, {"kind": "align", "role": "student"}),
    ):
        THINGS["publish"](str(tmp_path / "zoo"), tmp_path / "uploads", held, name, **more)
    facts.zoo = "zoo"
    asked = {"model": "zoo/one", "members": ["zoo/one", "zoo/odd", "zoo/talker"]}
    found = check(spec(oracle=asked, method={"name": "e-dpo", "members": 3}), facts)
    assert [fault.message for fault in found] == [
        "`oracle.members.1`: `zoo/odd` reads other tokens than the oracle `zoo/one`",
        "`oracle.members.2`: `zoo/talker` is a student, not a reward model",
    ]
