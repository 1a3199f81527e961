"""Probes are scored by transformers alone, and say what training would say."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer  # noqa: E402

from drdoctl.core.errors import IntegrityError, StageFailed  # noqa: E402
from drdoctl.data._render import Renderer  # noqa: E402
from drdoctl.train import probe  # noqa: E402
from drdoctl.train.reward_model import load_reward_model  # noqa: E402
from drdoctl.train.scoring import score_batch  # noqa: E402
from drdoctl.zoo.probes import TEXTS, Probe, Stated  # noqa: E402

MODELS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_models.py"))
KINDS = {"plain": {}, "start": {"start": True}, "chat": {"chat": True}}


def ask(folder, role="oracle", **more):
    """Return a request about a model's folder."""
    return {"model": str(folder), "role": role, "template": "auto", "device": "cpu", **more}


def choose(folder, role="oracle"):
    """Return what publishing learns of a model."""
    return probe.run(ask(folder, role, choose=[dict(text) for text in TEXTS]))


@pytest.mark.parametrize("kind", KINDS)
def test_eight_probes_have_the_scores_that_training_would_give(tmp_path, kind):
    """All texts that ship are scored; drdoctl's own scoring, in batches, gives the same to float32's last digits."""
    MODELS["save_model"](tmp_path, **KINDS[kind])
    found = choose(tmp_path)
    assert [one["name"] for one in found["probes"]] == [text["name"] for text in TEXTS]
    assert found["by_hand"]
    renderer = Renderer(AutoTokenizer.from_pretrained(tmp_path), "auto")
    items = [(row.prompt, row.responses) for row in renderer.encode([(p["prompt"], [p["response"]]) for p in TEXTS])]
    own = score_batch(load_reward_model(tmp_path).eval(), items, "fp32", logp=False)
    assert [one["score"] for one in found["probes"]] == pytest.approx(own.tolist(), abs=1e-5)
    assert 0 < found["difference"] < 0.1


def test_scores_are_those_of_plain_transformers(tmp_path):
    """What anybody would write, with the texts of the card, gives the card's scores."""
    MODELS["save_model"](tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    for one in choose(tmp_path)["probes"]:
        inputs = tokenizer(f"{one['prompt']} {one['response']}<eos>", return_tensors="pt", return_token_type_ids=False)
        with torch.no_grad():
            assert one["score"] == pytest.approx(model(**inputs).logits.item(), abs=1e-6)


def test_a_student_gives_mean_log_probabilities(tmp_path):
    """A student's probes hold the mean log-probability of the response's tokens, its end token included."""
    MODELS["save_model"](tmp_path, "student")
    first = choose(tmp_path, "student")["probes"][0]
    tokenizer, model = AutoTokenizer.from_pretrained(tmp_path), AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    prompt, whole = (tokenizer(text).input_ids for text in (first["prompt"], f"{first['prompt']} {first['response']}"))
    ids = torch.tensor([[*whole, 1]])
    with torch.no_grad():
        told = model(ids).logits.log_softmax(-1)[0, :-1].gather(1, ids[0, 1:, None])[:, 0]
    assert first["score"] == pytest.approx(told[len(prompt) - 1 :].mean().item(), abs=1e-5)


def test_a_small_worlds_tokenizer_gets_words_of_its_own(tmp_path):
    """Where no shipped text can be written, probes are made of the vocabulary, the same ones each time."""
    MODELS["save_model"](tmp_path, words=True)
    found = choose(tmp_path)
    assert len(found["probes"]) == len(probe.OWN_WORDS)
    assert set(" ".join(one["prompt"] + " " + one["response"] for one in found["probes"]).split()) <= set(
        MODELS["WORDS"]
    )
    assert choose(tmp_path) == found


def test_probes_are_no_longer_than_the_model_takes(tmp_path):
    """Texts beyond the last position are left out."""
    MODELS["save_model"](tmp_path, positions=300)
    names = {one["name"] for one in choose(tmp_path)["probes"]}
    assert "short" in names
    assert not names & {"long", "very long"}


def test_what_transformers_makes_up_is_no_model(tmp_path):
    """A language model published as an oracle, whose head would be new and random, is refused."""
    MODELS["save_model"](tmp_path, "student")
    with pytest.raises(StageFailed, match=r"lacks `score\.weight`"):
        choose(tmp_path)


def test_what_cannot_be_loaded_is_named(tmp_path):
    """A file of weights that holds none is a failure in a sentence, with the way around it."""
    MODELS["save_model"](tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(StageFailed, match="cannot load") as caught:
        choose(tmp_path)
    assert "--no-probe" in caught.value.faults[0].hint


def test_an_adapter_without_its_base_is_skipped(tmp_path):
    """Where the base of an adapter is not on this machine, the answer says so; nothing is downloaded."""
    MODELS["save_tokenizer"](tmp_path)
    told = {"peft_type": "LORA", "base_model_name_or_path": "org/absent", "revision": "c" * 40}
    (tmp_path / "adapter_config.json").write_text(json.dumps(told), encoding="utf-8")
    assert "base `org/absent` is not on this machine" in choose(tmp_path)["skipped"]


def test_an_adapter_over_its_base(tmp_path):
    """Where the base is here, an adapter's probes are those of the two together, as peft loads them."""
    from peft import LoraConfig, get_peft_model

    MODELS["save_model"](tmp_path / "base")
    base = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base", num_labels=1)
    lora = LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["q_proj"], init_lora_weights=False)
    made = get_peft_model(base, lora).eval()
    made.save_pretrained(tmp_path / "adapter")
    MODELS["save_tokenizer"](tmp_path / "adapter")
    first = choose(tmp_path / "adapter")["probes"][0]
    text = f"{first['prompt']} {first['response']}<eos>"
    ids = AutoTokenizer.from_pretrained(tmp_path / "base")(text, return_tensors="pt").input_ids
    with torch.no_grad():
        assert first["score"] == pytest.approx(made(ids).logits.item(), abs=1e-6)
        assert first["score"] != pytest.approx(choose(tmp_path / "base")["probes"][0]["score"], abs=1e-3)


def test_the_scorer_of_a_process_with_torch(tmp_path):
    """What a publish stage reads back with gives the card's scores again."""
    MODELS["save_model"](tmp_path, chat=True)
    probes = [Probe(**one) for one in choose(tmp_path)["probes"]]
    again = probe.scorer("cpu")(tmp_path, Stated("oracle", "auto", probes, {}))
    assert again["scores"] == [one.score for one in probes]


def test_the_answer_lies_beside_the_request(tmp_path):
    """The program leaves scores or faults in `result.json`, and ends with the code of the fault's class."""
    MODELS["save_model"](tmp_path / "model")
    request = tmp_path / "request.json"
    text = {"prompt": "a", "response": "b"}
    for model, code, key in (("model", 0, "summary"), ("absent", 2, "faults")):
        request.write_text(json.dumps(ask(tmp_path / model, texts=[text])), encoding="utf-8")
        assert probe.main(request) == code
        assert key in json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))


def test_a_probe_that_the_tokenizer_cannot_write(tmp_path):
    """A card whose text is none of the tokenizer's words is not sound, and the text is named: exit 5."""
    MODELS["save_model"](tmp_path, words=True)
    with pytest.raises(IntegrityError, match="begins with `zyzzyva`"):
        probe.run(ask(tmp_path, texts=[{"prompt": "zyzzyva", "response": "b"}]))


def test_a_probe_that_is_longer_than_the_model_takes(tmp_path):
    """A card whose text has more tokens than the model has positions is not sound either: exit 5, not a crash."""
    MODELS["save_model"](tmp_path, positions=64)
    with pytest.raises(IntegrityError, match="tokens, and the model takes 64"):
        probe.run(ask(tmp_path, texts=[{"prompt": "a", "response": "b" * 90}]))
