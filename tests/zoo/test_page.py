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
    names = [
        "win_rate, against reference, by oracle, at temperature 0.7 (95 % interval 0.79 to 0.87)",
        "win_rate, against sft, by oracle, at temperature 0.7 (95 % interval 0.57 to 0.65)",
    ]
    values = [0.83, 0.61]
    assert result["metrics"] == [
        {"type": "win_rate", "name": name, "value": value} for name, value in zip(names, values, strict=True)
    ]
    assert "0.57 to 0.65" in body
    assert "judge = teacher" in body


def test_a_page_tells_test_figures_and_the_card_keeps_both(store, student):
    """Where students are chosen on validation prompts, their figures there flatter: only the card has them."""
    card = pack(store, student, "student").card
    assert [figure["part"] for figure in card.figures] == ["test", "test", "validation", "validation"]
    page = render(card)
    assert [word for word in ("0.98", "0.55", "0.97", "0.51") if word in page] == []
    assert "On test prompts" in page
    whole = [{name: value for name, value in figure.items() if name != "part"} for figure in card.figures]
    page = render(card.model_copy(update={"figures": whole}))
    assert all(word in page for word in ("0.98", "0.55"))
    assert "On test prompts" not in page


def test_page_is_valid_for_the_hubs_own_reader(store, student):
    """The Hub's own library reads the front matter and the figures back."""
    cards = pytest.importorskip("huggingface_hub.repocard")
    data = cards.ModelCard(render(pack(store, student, "student").card)).data
    assert data.model_name == "student"
    read = [(item.metric_type, item.metric_value) for item in data.eval_results]
    assert read == [("win_rate", 0.83), ("win_rate", 0.61)]


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


def published(store, tmp_path, role="oracle", **tokenizer):
    """Return the package of a tiny model with random weights, measured as publishing does it."""
    pytest.importorskip("torch")
    import zoo_models

    from drdoctl.train.probe import run

    kind = "oracle" if role == "oracle" else "sft"
    name = zoo_things.make_artifact(store, kind, zoo_models.save_model(tmp_path / "made", role, **tokenizer))
    return pack(store, name, "thing", measure=run, device="cpu")


def code_of(page, folder):
    """Return the page's Python, with the folder in its place."""
    code = page.partition("```python\n")[2].partition("```")[0]
    assert 'FOLDER = "models/thing"' in code
    return code.replace('"models/thing"', repr(str(folder)))


@pytest.mark.parametrize("kind", ["plain", "start", "chat"])
def test_an_oracles_page_gives_the_cards_scores(store, tmp_path, kind, capsys):
    """The page's own lines, run as they stand, give every probe's score and a probability."""
    package = published(store, tmp_path, **{kind: True} if kind != "plain" else {})
    capsys.readouterr()
    names = {}
    exec(code_of(render(package.card), tmp_path / "made"), names)  # noqa: S102  # our own page
    for probe in package.card.probes:
        assert names["reward"](probe.prompt, probe.response) == pytest.approx(probe.score, abs=1e-6)
    margin, chance = map(float, capsys.readouterr().out.split())
    scores = [probe.score for probe in package.card.probes[:2]]
    assert margin == pytest.approx(scores[0] - scores[1], abs=1e-6)
    assert 0 < chance < 1


@pytest.mark.parametrize("kind", ["plain", "chat"])
def test_a_students_page_answers(store, tmp_path, kind, capsys):
    """The page's lines, run as they stand, sample a response."""
    package = published(store, tmp_path, "student", chat=kind == "chat")
    exec(code_of(render(package.card), tmp_path / "made"), {})  # noqa: S102  # our own page
    assert capsys.readouterr().out


def oracle_card(store, **changes):
    """Return a card of an oracle with all that a page can say."""
    row = {"value": 0.71, "low": 0.68, "high": 0.74, "count": 900}
    said = {
        "probes": [{"name": "a|b", "prompt": "x" * 200, "response": "<b>\n`y`", "score": 1.25}],
        "tolerance": {"float32": 0.001, "bfloat16": 0.02},
        "quality": {
            "accuracy": row,
            "calibration_error": {"value": 0.14, "low": None, "high": None, "count": 900},
            "length_correlation": {**row, "value": 0.41},
            "data": "the held-out pairs of `data-1`",
        },
        "reward": {
            "count": 1800, "mean": 0.5, "std": 1.5, "min": -3.0, "max": 4.0,
            "quantiles": {"0.05": -1.0, "0.5": 0.4}, "data": "the held-out pairs of `data-1`",
        },
        "unmeasured": ["agreement: it is no ensemble's member"],
        "datasets": ["org/pairs"],
        "license": "other",
    }  # fmt: skip
    card = pack(store, zoo_things.make_artifact(store, "oracle"), "thing").card
    base = card.base.model_copy(update={"ref": "facebook/opt-1.3b", "revision": "c" * 40})
    return type(card).model_validate({**card.model_dump(), "base": base, **said, **changes})


def test_an_oracles_page_says_what_it_is_worth(store):
    """Accuracy with its interval, calibration, length, rewards, probes, known failures, licence with its address."""
    page = render(oracle_card(store))
    front = yaml.safe_load(page.split("---\n", 2)[1])
    assert (front["license"], front["license_name"]) == ("other", "opt-175b-license-agreement")
    assert front["license_link"].startswith("https://")
    assert "0.68 to 0.74" in page
    assert "it loves longer responses" in page
    assert "its certainty is off by 14%" in page
    assert "not known: agreement" in page
    assert "from -3 to 4; quantiles 5% -1, 50% 0.4" in page
    assert "0.001 in float32, 0.02 in bfloat16" in page
    assert "It does not know what is true" in page
    (row,) = [line for line in page.splitlines() if "1.25" in line]
    assert row.count(" | ") == 3
    assert "<b>" not in row.replace("`<b> 'y'`", "")


def test_an_oracles_figures_are_what_the_hub_reads(store):
    """The Hub's own parser finds accuracy, calibration and length correlation, the interval in the name."""
    cards = pytest.importorskip("huggingface_hub.repocard")
    data = cards.ModelCard(render(oracle_card(store))).data
    read = {item.metric_type: (item.metric_value, item.metric_name) for item in data.eval_results}
    assert read["accuracy"] == (0.71, "share of pairs put in the labels' order (95 % interval 0.68 to 0.74)")
    assert {"calibration_error", "length_correlation"} < read.keys()
    assert {item.dataset_type for item in data.eval_results} == {"org/pairs"}
    assert data.to_dict()["base_model"] == "facebook/opt-1.3b"


def test_nothing_is_made_up(store):
    """Where no licence, language or figure is known, the front matter has none."""
    page = render(pack(store, zoo_things.make_artifact(store, "oracle"), "thing").card)
    front = yaml.safe_load(page.split("---\n", 2)[1])
    assert not {"license", "language", "model-index", "datasets", "base_model"} & front.keys()
    assert "not stated" in page
    assert "from a model known by its hash only in stage" in page


def test_a_student_names_its_teacher_and_how_to_make_it_again(store):
    """Two commands, the stage that makes it, and the oracle that taught it by name and fingerprint."""
    teacher = {"id": "oracle[teacher]", "fingerprint": "d" * 64, "ref": "zoo/oracle-a", "revision": "e" * 40}
    spec = {"version": 1, "name": "small", "matrix": {"seed": [1, 2]}}
    card = pack(store, zoo_things.make_artifact(store, "align"), "thing").card
    plain = {**card.model_dump(), "parents": [teacher], "whole_spec": spec}
    page = render(type(card).model_validate(plain))
    assert f"- stage `oracle[teacher]` (`zoo/oracle-a` at `{'e' * 12}`), fingerprint `{'d' * 64}`" in page
    assert "$ drdoctl init thing.yaml --from zoo/thing\n$ drdoctl apply thing.yaml\n" in page
    assert "all students of the comparison" in page


@pytest.mark.parametrize(
    ("zoo", "option"),
    [
        ("hub:drdoctl", ""),
        ("hub:my-lab", " --zoo hub:my-lab"),
        ("s3://bucket/zoo", " --zoo s3://bucket/zoo"),
        ("/shared/somebody/zoo", " --zoo FOLDER"),
    ],
)
def test_the_commands_of_a_page_name_its_zoo(store, student, zoo, option):
    """Who reads it on another organisation's page needs no config; a folder's path goes nowhere."""
    card = pack(store, student, "thing").card.model_copy(update={"whole_spec": {"name": "small"}})
    before = card.to_bytes()
    page = render(card, zoo)
    assert f"$ drdoctl init thing.yaml --from zoo/thing{option}\n$ drdoctl apply thing.yaml\n" in page
    assert f"# drdoctl pull zoo/thing --to models/thing{option}\n" in page
    assert "somebody" not in page
    assert card.to_bytes() == before
