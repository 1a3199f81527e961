"""Adapters on a model: what is trained, what merging does, and that peft and transformers read what is written."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from drdoctl.core.errors import UserError  # noqa: E402
from drdoctl.train import adapters  # noqa: E402
from drdoctl.train.batches import collate  # noqa: E402
from drdoctl.train.models import (  # noqa: E402
    Policy,
    load_lm,
    load_policy,
    new_head,
    new_lm,
    save_policy,
)
from drdoctl.train.reward_model import load_reward_model  # noqa: E402
from drdoctl.train.scoring import score_batch  # noqa: E402

FIELDS = {"hidden_size": 32, "layers": 2, "heads": 4, "mlp_size": None, "activation": "gelu", "max_positions": 64}
FIELDS |= {"rope_theta": 1000.0, "init_std": 0.2, "tied": True}
SPECIAL = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}
LORA = {"rank": 4, "alpha": 8, "target": ["all-linear"], "quantize": "none"}
ITEMS = [([3, 4, 5], ([6, 7, 1],)), ([9, 10], ([11, 12, 13, 1],)), ([20], ([1],))]
KINDS = ["bloom", "gemma", "llama", "opt", "phi3", "qwen2", "gpt_neox"]


def make(kind: str = "llama"):
    return new_lm({**FIELDS, "model_type": kind}, 0, 40, SPECIAL)


def spread(lm) -> None:
    """Give B random values, as training would."""
    stream = torch.Generator().manual_seed(1)
    for weight in adapters.weights(lm).values():
        weight.data.normal_(0.0, 0.2, generator=stream)


def logps(lm):
    return score_batch(Policy(lm).eval(), ITEMS, "fp32", logp=True)


@pytest.fixture
def folders(tmp_path, data):
    """A base in a folder, and an adapter over it in another."""
    base, folder = tmp_path / "base", tmp_path / "adapter"
    tokenizer = data / "tokenizer" / "student"
    save_policy(Policy(make()), base, tokenizer)
    lm = load_lm({"path": str(base)})
    adapters.attach(lm, LORA, seed=3)
    spread(lm)
    folder.mkdir()
    head = new_head(lm.config, 5)
    adapters.save_adapter(lm, folder, LORA, {"path": str(base)})
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(folder)
    oracle = tmp_path / "oracle"
    oracle.mkdir()
    adapters.save_adapter(lm, oracle, LORA, {"path": str(base)}, score=head.weight)
    return base, folder, oracle, logps(lm)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_adapter_is_trained_and_begins_at_nothing(kind):
    """A fresh adapter changes no output, gradients reach A and B alone, and a step leaves the base's bits."""
    lm = make(kind)
    before = {name: weight.clone() for name, weight in lm.state_dict().items()}
    want = logps(lm)
    adapters.attach(lm, LORA, seed=3)
    assert logps(lm) == pytest.approx(want, abs=1e-12)
    trained = {name for name, weight in lm.named_parameters() if weight.requires_grad}
    assert len(trained) == len(adapters.weights(lm)) > 0
    assert all("lora_" in name for name in trained)
    step = torch.optim.SGD([weight for weight in lm.parameters() if weight.requires_grad], 1.0)
    Policy(lm)(collate(ITEMS)).logp.sum().backward()
    step.step()
    assert abs(logps(lm) - want).max() > 1e-3
    after = {name.replace("base_layer.", ""): weight for name, weight in lm.state_dict().items()}
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert all(weight.grad is None for weight in lm.parameters() if not weight.requires_grad)


@pytest.mark.parametrize("kind", KINDS)
def test_merged_is_what_was_trained(kind):
    """The merged model has the plain model's weights by name, and the adapter's log-probabilities (1e-6 relative)."""
    lm = make(kind)
    names = set(lm.state_dict())
    adapters.attach(lm, LORA, seed=3)
    before = logps(lm)
    spread(lm)
    want = logps(lm)
    assert abs(want - before).max() > 0.1
    adapters.merge(lm)
    assert set(lm.state_dict()) == names
    assert logps(lm) == pytest.approx(want, rel=1e-6)
    assert all(weight.requires_grad for weight in lm.parameters())


def test_start_weights_depend_on_the_seed_alone():
    """The same seed gives the same adapter whatever was drawn before, and draws nothing from the global stream."""
    made = []
    for drawn, seed in ((1, 3), (2, 3), (2, 4)):
        lm = make()
        torch.manual_seed(drawn)
        adapters.attach(lm, LORA, seed=seed)
        following = torch.rand(1)
        torch.manual_seed(drawn)
        assert torch.equal(following, torch.rand(1))
        made.append(next(iter(adapters.weights(lm).values())))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[1], made[2])


def test_folder_loads_with_peft_and_with_transformers_alone(folders):
    """peft's AutoPeftModelForCausalLM and transformers' AutoModelForCausalLM give the engine's log-probabilities."""
    _base, folder, _oracle, want = folders
    for model in (peft.AutoPeftModelForCausalLM.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)):
        for (prompt, (response,)), logp in zip(ITEMS, want, strict=True):
            with torch.no_grad():
                rows = model(torch.tensor([prompt + response])).logits.double().log_softmax(-1)[0]
            got = sum(rows[len(prompt) - 1 + at, token].item() for at, token in enumerate(response))
            assert got == pytest.approx(logp, rel=1e-5)
    assert AutoTokenizer.from_pretrained(folder).eos_token == "<eos>"
    told = json.loads((folder / "adapter_config.json").read_text())
    assert (told["r"], told["lora_alpha"], told["lora_dropout"], told["bias"]) == (4, 8, 0.0, "none")


def test_the_engine_reads_an_adapter_as_one_model(folders):
    """Without being told the base, the engine takes the one that the adapter names, and merges."""
    _base, folder, _oracle, want = folders
    assert logps(load_policy(folder).lm) == pytest.approx(want, rel=1e-6)


def test_oracle_adapter_scores_the_same_with_peft_alone(folders):
    """AutoPeftModelForSequenceClassification reads the trained head, and gives the engine's rewards."""
    _base, _folder, oracle, _want = folders
    ours = score_batch(load_reward_model(oracle).eval(), ITEMS, "fp32", logp=False)
    model = peft.AutoPeftModelForSequenceClassification.from_pretrained(oracle, num_labels=1).eval()
    for (prompt, (response,)), reward in zip(ITEMS, ours, strict=True):
        with torch.no_grad():
            theirs = model(torch.tensor([prompt + response])).logits[0, 0].item()
        assert theirs == pytest.approx(reward, rel=1e-4, abs=1e-5)


def _less(held):
    del held[min(held)]


def _other_shape(held):
    held[min(held)] = held[min(held)][:-1].clone()


def _not_finite(held):
    held[min(held)][0, 0] = float("nan")


@pytest.mark.parametrize(
    ("spoil", "said"), [(_less, "does not fit its base"), (_other_shape, "another shape"), (_not_finite, "not finite")]
)
def test_a_broken_adapter_is_refused(folders, spoil, said):
    """What is missing, of another shape or no number is named with the adapter's folder; nothing is made up."""
    folder = folders[1]
    held = load_file(folder / "adapter_model.safetensors")
    spoil(held)
    save_file(held, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=said) as caught:
        load_policy(folder)
    assert str(folder) in str(caught.value)


def test_an_adapter_without_a_base_or_a_head_is_refused(folders, tmp_path):
    """A language model's adapter is no reward model, and an adapter that names no base cannot be read by itself."""
    with pytest.raises(UserError, match="not of a reward model"):
        load_reward_model(folders[1])
    config = Path(folders[1], "adapter_config.json")
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": None}))
    with pytest.raises(UserError, match="names no base"):
        load_policy(folders[1])
