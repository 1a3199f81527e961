"""The page that a reader of the Hub sees."""

from __future__ import annotations

import pytest
import yaml
import zoo_things

from drdoctl.zoo.page import render
from drdoctl.zoo.push import pack


def test_page(store, student):
    """The page's front matter is what the Hub reads, and its text shows figures with their warnings."""
    page = render(pack(store, student, "student", licence="apache-2.0").card)
    _, front, body = page.split("---\n", 2)
    plain = yaml.safe_load(front)
    assert plain["base_model"] == "facebook/opt-1.3b"
    assert plain["license"] == "apache-2.0"
    assert plain["library_name"] == "transformers"
    assert plain["pipeline_tag"] == "text-generation"
    assert plain["datasets"] == ["HuggingFaceH4/ultrafeedback_binarized"]
    assert {"drdoctl", "drdoctl-role:student"} < set(plain["tags"])
    (result,) = plain["model-index"][0]["results"]
    name = "win-rate, against sft, by oracle, at temperature 0.7 (95 % interval 0.57 to 0.65)"
    assert result["metrics"] == [{"type": "win-rate", "name": name, "value": 0.61}]
    assert "0.57 to 0.65" in body
    assert "judge = teacher" in body


def test_page_is_valid_for_the_hubs_own_reader(store, student):
    """The Hub's own library reads the front matter and the figures back."""
    cards = pytest.importorskip("huggingface_hub.repocard")
    data = cards.ModelCard(render(pack(store, student, "student").card)).data
    assert data.model_name == "student"
    assert [(item.metric_type, item.metric_value) for item in data.eval_results] == [("win-rate", 0.61)]


@pytest.mark.parametrize(("kind", "loader"), [("oracle", "SequenceClassification"), ("sft", "CausalLM")])
def test_an_adapters_page_names_its_base_and_peft(store, kind, loader):
    """Who reads it learns over which base and commit it lies, how peft loads it, and that 4 bits were used."""
    card = pack(store, zoo_things.make_artifact(store, kind, zoo_things.adapter()), "thing").card
    base = card.base.model_copy(update={"ref": "facebook/opt-1.3b", "revision": "c" * 40})
    spec = {**card.spec, f"{card.role}.lora.quantize": "nf4"}
    page = render(card.model_copy(update={"base": base, "spec": spec}))
    front = yaml.safe_load(page.split("---\n", 2)[1])
    assert (front["library_name"], front["base_model_relation"]) == ("peft", "adapter")
    assert f"AutoPeftModelFor{loader}" in page
    assert f"`facebook/opt-1.3b` at revision `{'c' * 40}`" in page
    assert "in 4 bits" in page
