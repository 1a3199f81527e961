"""Folders that others load: students, oracles, and what is refused."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer  # noqa: E402

from drdoctl.core.errors import UserError  # noqa: E402
from drdoctl.train.models import (  # noqa: E402
    Policy,
    check_window,
    load_policy,
    new_head,
    new_lm,
    save_oracle,
    save_policy,
)
from drdoctl.train.reward_model import load_reward_model  # noqa: E402
from drdoctl.train.scoring import score_batch  # noqa: E402

FIELDS = {"hidden_size": 32, "layers": 2, "heads": 4, "mlp_size": None, "activation": "gelu", "max_positions": 64}
FIELDS |= {"rope_theta": 1000.0, "init_std": 0.2}
SPECIAL = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}
ITEMS = [([3, 4, 5], ([6, 7, 1],)), ([9, 10], ([11, 12, 13, 1],)), ([20], ([1],))]


def make(kind: str, *, tied: bool = True) -> Policy:
    lm = new_lm({**FIELDS, "model_type": kind, "tied": tied}, 0, 40, SPECIAL)
    return Policy(lm, new_head(lm.config, 5))


@pytest.mark.parametrize("kind", ["bloom", "gemma", "llama", "opt", "phi3", "qwen2", "gpt_neox"])
def test_oracle_folder_scores_the_same_with_transformers_alone(kind, tmp_path, data):
    """AutoModelForSequenceClassification loads the folder; padded left or right, a batch gives the engine's scores."""
    oracle = make(kind, tied=kind != "llama")
    save_oracle(oracle, tmp_path, data / "tokenizer" / "student")
    ours = score_batch(load_reward_model(tmp_path).eval(), ITEMS, "fp32", logp=False)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    rows = {"input_ids": [prompt + response for prompt, (response,) in ITEMS]}
    for side in ("left", "right"):
        batch = tokenizer.pad(rows, return_tensors="pt", padding_side=side)
        with torch.no_grad():
            theirs = model(**batch).logits[:, 0].numpy()
        assert theirs == pytest.approx(ours, rel=1e-4, abs=1e-5)
    assert model.config.pad_token_id != model.config.eos_token_id
    assert (tmp_path / "lm_head.safetensors").exists() == (kind == "llama")


def test_student_folder_loads_with_transformers_alone(tmp_path, data):
    """The folder loads with AutoModelForCausalLM and keeps the reward head beside it."""
    student = make("llama")
    save_policy(student, tmp_path, data / "tokenizer" / "student")
    back = AutoModelForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(back.state_dict(), student.lm.state_dict())
    again = load_policy(tmp_path)
    torch.testing.assert_close(again.head.weight, student.head.weight)
    assert AutoTokenizer.from_pretrained(tmp_path).eos_token == "<eos>"
    with torch.no_grad():
        logits = back(torch.tensor([[3, 4, 5, 6, 7, 1]])).logits.log_softmax(-1)[0]
    want = sum(logits[2 + i, token].item() for i, token in enumerate([6, 7, 1]))
    assert score_batch(again.eval(), ITEMS[:1], "fp32", logp=True)[0] == pytest.approx(want, rel=1e-5)


def test_heads_of_members_differ_by_seed_alone():
    """The same seed gives the same head whatever was drawn before; another seed another head."""
    lm = make("llama").lm
    torch.manual_seed(1)
    first = new_head(lm.config, 7).weight
    torch.manual_seed(2)
    torch.testing.assert_close(new_head(lm.config, 7).weight, first)
    assert not torch.equal(new_head(lm.config, 8).weight, first)


def test_unknown_architecture_is_refused(tmp_path):
    """A model type the engine cannot lay out flat is a clear error that lists what works."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 8}))
    with pytest.raises(UserError, match=r"`bert` are not supported.*: it is no decoder") as caught:
        load_policy(tmp_path)
    assert "llama" in caught.value.faults[0].hint


def _without(weights, folder):
    del weights["model.layers.1.input_layernorm.weight"]


def _other_shape(weights, folder):
    weights["model.norm.weight"] = weights["model.norm.weight"][:-1].clone()


def _not_finite(weights, folder):
    weights["model.norm.weight"][3] = float("inf")


def _no_heads(weights, folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"num_attention_heads": 0}), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without, r"lacks the weight `model\.layers\.1\.input_layernorm\.weight`"),
        (_other_shape, r"has another shape of `model\.norm\.weight`"),
        (_not_finite, r"not finite: `model\.norm\.weight`"),
        (_no_heads, "cannot be read: "),
    ],
)
@pytest.mark.parametrize("role", ["student", "oracle"])
def test_a_broken_model_is_refused(spoil, said, role, tmp_path, data):
    """No weight is made up: what is missing, of another shape or no number is named, and so is the folder."""
    save, load = (save_policy, load_policy) if role == "student" else (save_oracle, load_reward_model)
    save(make("llama"), tmp_path, data / "tokenizer" / "student")
    weights = load_file(tmp_path / "model.safetensors")
    spoil(weights, tmp_path)
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=said) as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_sequences_beyond_the_model_are_refused():
    """A model with fewer positions than `data.max_tokens` is refused with the largest value that works."""
    config = make("llama").lm.config
    check_window(config, 64)
    with pytest.raises(UserError, match="takes 64 tokens at most: its `max_position_embeddings`") as caught:
        check_window(config, 65)
    assert caught.value.faults[0].hint == "use `--set data.max_tokens=64` or less"


@pytest.mark.shared
def test_real_model_continues_its_story():
    """The pre-trained story model gives its own greedy continuation a higher log-probability than a shuffled one."""
    folder = Path(__file__).parents[2] / ".." / "shared" / "models" / "stories260k"
    if not folder.exists():
        pytest.skip("the real model is not here")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer("Once upon a time, there was").input_ids
    good = tokenizer(" a little girl named Lily.", add_special_tokens=False).input_ids
    values = score_batch(load_policy(folder).eval(), [(prompt, (good, good[::-1]))], "fp32", logp=True)
    assert values[0] > values[1] + 10


@pytest.mark.parametrize("role", ["student", "oracle"])
def test_padding_without_an_embedding_gives_way(role, tmp_path, data):
    """A pad token that was added to the tokenizer alone is not what a saved folder pads with."""
    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizer" / "student")
    tokenizer.add_special_tokens({"pad_token": "<new>"})
    tokenizer.save_pretrained(tmp_path / "words")
    policy = Policy(new_lm({**FIELDS, "model_type": "llama", "tied": True}, 0, tokenizer.pad_token_id, SPECIAL))
    policy = Policy(policy.lm, new_head(policy.lm.config, 5))
    (save_policy if role == "student" else save_oracle)(policy, tmp_path / "made", tmp_path / "words")
    auto = AutoModelForCausalLM if role == "student" else AutoModelForSequenceClassification
    model, saved = auto.from_pretrained(tmp_path / "made"), AutoTokenizer.from_pretrained(tmp_path / "made")
    assert saved.pad_token not in ("<new>", None)
    batch = saved.pad({"input_ids": [[3, 4, 5], [6]]}, return_tensors="pt")
    assert model(**batch).logits.isfinite().all()


def test_a_token_without_an_embedding_is_named(tmp_path, data):
    """What the tokenizer has and the model has not is a fault with a remedy, not an index out of range."""
    save_policy(make("llama"), tmp_path, data / "tokenizer" / "student")
    student = load_policy(tmp_path)
    with pytest.raises(UserError, match="gives token 40, and the model has embeddings for 40 tokens") as caught:
        score_batch(student.eval(), [([3, 40], ([6, 1],))], "fp32", logp=True)
    assert caught.value.faults[0].code == "tokenizer-mismatch"
