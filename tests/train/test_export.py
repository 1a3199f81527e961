"""Exported models: merged, plain, in one type, with the scores of what they were made from."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))

import plain  # noqa: E402
import toy  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline  # noqa: E402

from drdoctl.core.errors import StageFailed, UserError  # noqa: E402
from drdoctl.data._render import Renderer  # noqa: E402
from drdoctl.train import adapters, export  # noqa: E402
from drdoctl.train.export import Request, run  # noqa: E402
from drdoctl.train.models import Policy, load_lm, load_policy, new_head, save_policy  # noqa: E402
from drdoctl.train.reward_model import load_reward_model  # noqa: E402
from drdoctl.train.scoring import score_batch  # noqa: E402

PAIRS = [([9, 10, 11], ([12, 13, 1], [14, 1])), ([15] * 5, ([16, 1], [17, 18, 19, 20, 1])), ([21], ([1],))]
TEXTS = [[*prompt, *response] for prompt, responses in PAIRS for response in responses]
LORA = {"rank": 2, "alpha": 4, "target": ["all-linear"], "quantize": "none"}


def exported(source, tmp_path, dtype="fp32", template="auto"):
    target = tmp_path / f"exported-{dtype}"
    return run(Request(str(source), template, dtype, str(target), str(tmp_path))), target


def engine(folder):
    return score_batch(load_reward_model(folder).eval(), PAIRS, "fp32", logp=False)


@pytest.fixture
def oracle(tmp_path):
    """An oracle with an LM head beside it."""
    return toy.write_oracle(tmp_path / "oracle", "llama-untied")


def test_an_exported_oracle_has_its_scores(oracle, tmp_path, monkeypatch):
    """In shards, without the LM head, an export gives the very scores of its oracle, engine and transformers alike."""
    monkeypatch.setattr(export, "SHARD", "20KB")
    told, target = exported(oracle, tmp_path)
    names = {path.name for path in target.iterdir()}
    shards = {name for name in names if name.endswith(".safetensors")}
    assert len(shards) > 2
    assert "model.safetensors.index.json" in names
    assert shards == {name for name in names if name.startswith("model-")}
    assert (told["role"], told["architecture"], told["pad_token"]) == (
        "oracle",
        "LlamaForSequenceClassification",
        "<pad>",
    )
    assert (oracle / "lm_head.safetensors").exists()
    want = engine(oracle)
    assert np.array_equal(engine(target), want)
    assert toy.by_transformers(target, TEXTS) == pytest.approx(want, rel=1e-5, abs=1e-6)


def test_an_exported_oracle_says_what_servers_ask(oracle, tmp_path):
    """One label, a padding token, regression: transformers' pipeline gives the reward and not its sigmoid."""
    _, target = exported(oracle, tmp_path)
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["LlamaForSequenceClassification"]
    assert len(config["id2label"]) == 1
    assert (config["pad_token_id"], config["problem_type"], config["dtype"]) == (0, "regression", "float32")
    (said,) = pipeline("text-classification", model=str(target))("w9 w10 w11 w12 <eos>")
    want = toy.by_transformers(oracle, [[9, 10, 11, 12, 1]])[0]
    assert said["score"] == pytest.approx(want, abs=1e-6)
    assert not 0 < want < 1  # a sigmoid's would


def test_bfloat16_is_the_type_of_every_weight(oracle, tmp_path):
    """`--dtype bf16` writes no other type, and transformers loads it so."""
    told, target = exported(oracle, tmp_path, "bf16")
    with safe_open(target / "model.safetensors", "pt") as held:
        assert {held.get_slice(name).get_dtype() for name in held.keys()} == {"BF16"}  # noqa: SIM118
    spread = float(engine(oracle).std())
    assert toy.by_transformers(target, TEXTS) == pytest.approx(engine(oracle), abs=0.1 * spread)
    assert told["dtype"] == "bf16"
    assert json.loads((target / "config.json").read_text(encoding="utf-8"))["dtype"] == "bfloat16"


@pytest.mark.parametrize("role", ["oracle", "student"])
def test_adapters_are_merged(role, tmp_path):
    """An adapter over a base becomes one whole model with the adapter's scores, and no trace of peft."""
    base = tmp_path / "base"
    policy = plain.policy(plain.fields("llama"))
    policy.head = None
    save_policy(policy, base, toy.write_tokenizer(tmp_path / "tokenizer"))
    lm = load_lm({"path": str(base)})
    adapters.attach(lm, LORA, 0)
    torch.manual_seed(2)
    for weight in adapters.weights(lm).values():
        weight.data.normal_(0, 0.3)
    folder = tmp_path / "adapter"
    score = new_head(lm.config, 3).weight if role == "oracle" else None
    adapters.save_adapter(lm, folder, LORA, {"path": str(base)}, score)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    told, target = exported(folder, tmp_path)
    assert told["role"] == role
    assert not list(target.glob("adapter*"))
    if role == "oracle":
        assert toy.by_transformers(target, TEXTS) == pytest.approx(engine(folder), rel=1e-5, abs=1e-6)
        assert abs(engine(target) - engine_of(base, score)).max() > 0.01
    else:
        ours, theirs = (score_batch(load_policy(at).eval(), PAIRS, "fp32", logp=True) for at in (folder, target))
        assert np.array_equal(ours, theirs)


def engine_of(base, score):
    head = new_head(load_lm({"path": str(base)}).config, 3)
    assert torch.equal(head.weight, score)
    return score_batch(Policy(load_lm({"path": str(base)}), head).eval(), PAIRS, "fp32", logp=False)


def test_a_student_leaves_its_reward_head_at_home(tmp_path):
    """What goes out of a student is a causal LM that ends where its template does, and nothing beside it."""
    student = tmp_path / "student"
    tokenizer = toy.write_tokenizer(tmp_path / "tokenizer", template=toy.CHATML.replace("{{ after }}", ""))
    save_policy(plain.policy(plain.fields("qwen3")), student, tokenizer)
    assert (student / "reward_head.safetensors").exists()
    told, target = exported(student, tmp_path)
    assert [path.name for path in target.glob("*.safetensors")] == ["model.safetensors"]
    assert told["role"] == "student"
    back = AutoModelForCausalLM.from_pretrained(target)
    assert back.generation_config.eos_token_id == [1, toy.WORDS.index("<|im_end|>")]
    torch.testing.assert_close(back.state_dict(), AutoModelForCausalLM.from_pretrained(student).state_dict())
    assert AutoTokenizer.from_pretrained(target).chat_template == AutoTokenizer.from_pretrained(student).chat_template


@pytest.mark.parametrize("after", ["", " w8 w8", "\n"])
def test_a_conversation_ends_where_the_reward_is_read(after, tmp_path):
    """Whoever renders whole conversations with the export's template reads the reward that drdoctl gives."""
    template = toy.CHATML.replace("{{ after }}", f"{{{{ {after!r} }}}}")
    source = toy.write_oracle(tmp_path / "oracle", "qwen3", template=template)
    told, target = exported(source, tmp_path)
    assert told["ends_where_read"] is True
    ours, theirs = (AutoTokenizer.from_pretrained(folder) for folder in (source, target))
    asked = [{"role": "user", "content": "w9 w10"}]
    turns = [*asked, {"role": "assistant", "content": "w11"}, {"role": "user", "content": "w12"}]
    said = [*turns, {"role": "assistant", "content": "w13 w14"}]
    for given in (asked, turns):
        both = [
            tokenizer.apply_chat_template(given, add_generation_prompt=True, tokenize=False)
            for tokenizer in (ours, theirs)
        ]
        assert both[0] == both[1]
    (row,) = Renderer(ours, "auto").encode([(turns, ["w13 w14"])])
    ids = theirs.apply_chat_template(said, tokenize=True, return_dict=True)["input_ids"]
    assert ids == [*row.prompt, *row.responses[0]]
    if after.strip():
        assert ours.apply_chat_template(said, tokenize=True, return_dict=True)["input_ids"] != ids


def test_a_template_that_cannot_be_wrapped_stays(tmp_path):
    """A template that counts what it was given is left alone, and the export says that it goes on after the end."""
    template = toy.CHATML.replace("{{ after }}", "{{ ' w8' * (messages | length) }}")
    source = toy.write_oracle(tmp_path / "oracle", "qwen3", template=template)
    before = AutoTokenizer.from_pretrained(source).chat_template
    told, target = exported(source, tmp_path)
    assert told["ends_where_read"] is False
    assert AutoTokenizer.from_pretrained(target).chat_template == before


def test_a_model_that_pads_with_its_end_keeps_that(tmp_path):
    """A model that learnt to give its reward before the end token keeps the padding that it learnt with."""
    source = toy.write_oracle(tmp_path / "oracle", "llama")
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    (source / "config.json").write_text(json.dumps({**config, "pad_token_id": 1}), encoding="utf-8")
    told, target = exported(source, tmp_path)
    assert (told["pad_token"], told["reads_before_end"]) == ("<eos>", True)
    assert toy.by_transformers(target, TEXTS[:4]) == pytest.approx(engine(source)[:4], rel=1e-5, abs=1e-6)


def test_a_model_without_padding_gets_a_token_that_ends_nothing(tmp_path):
    """Where config and tokenizer name none, one that is not the end token pads from now on; scores stay."""
    source = toy.write_oracle(tmp_path / "oracle", "llama", pad=None)
    assert json.loads((source / "config.json").read_text(encoding="utf-8"))["pad_token_id"] is None
    told, target = exported(source, tmp_path)
    assert (told["pad_token"], told["reads_before_end"]) == ("<unk>", False)
    assert toy.by_transformers(target, TEXTS, side="left") == pytest.approx(engine(source), rel=1e-5, abs=1e-6)


def test_five_labels_are_no_reward(tmp_path):
    """A classifier with several outputs is refused with the reason."""
    source = toy.write_oracle(tmp_path / "oracle", "llama")
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    labels = {str(at): f"quality-{at}" for at in range(5)}
    (source / "config.json").write_text(json.dumps({**config, "id2label": labels}), encoding="utf-8")
    with pytest.raises(UserError, match="it gives 5 numbers for a text"):
        exported(source, tmp_path)


def test_weights_are_those_of_the_source(oracle, tmp_path):
    """In float32 no bit of a weight changes."""
    _, target = exported(oracle, tmp_path)
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (oracle, target))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_full_disk_is_named(oracle, tmp_path, monkeypatch):
    """Where the weights do not fit, the disk is named with the remedy, in whatever words safetensors says it."""
    from safetensors import SafetensorError

    def full(*_, **__):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("transformers.PreTrainedModel.save_pretrained", full)
    with pytest.raises(StageFailed, match=r"cannot write .*No space left on device"):
        exported(oracle, tmp_path)
