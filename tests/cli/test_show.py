"""`drdoctl show`."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from drdoctl.cli import run
from drdoctl.shipped import recipes
from drdoctl.spec.plugins import PLUGINS
from drdoctl.stages import Want
from drdoctl.store.artifact import Store
from drdoctl.zoo.card import Base
from drdoctl.zoo.location import open_zoo
from drdoctl.zoo.shelf import shipped_cards

THINGS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_things.py"))
DESCRIBED = {
    "base": Base(ref="facebook/opt-1.3b", revision="c" * 40),
    "datasets": ["org/pairs"],
    "license": "mit",
    "inputs": {"policy": "b" * 64},
    "input_ids": {"policy": "sft"},
    "config": {"architectures": ["LlamaForSequenceClassification"]},
    "warnings": ["judge = teacher"],
    "figures": THINGS["FIGURES"],
    "quality": {
        "accuracy": {"value": 0.75, "low": 0.7, "high": 0.8, "count": 512},
        "data": "the held-out pairs of `data-0123456789ab`",
    },
    "reward": {"count": 1024, "mean": 0.1, "std": 2.0, "min": -3.0, "max": 4.0, "data": "all held-out pairs"},
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, registry in PLUGINS.items() for name in registry()])
def test_every_plugin_is_shown_with_its_options(kind, name, capsys):
    """Docstring, source, and each option with type, default and meaning."""
    assert run(["show", kind, name, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    fields = [field for field in PLUGINS[kind]()[name].model_fields if field != "name"]
    assert [field["name"] for field in shown["fields"]] == fields
    assert all(field["about"] and field["type"] for field in shown["fields"])
    assert run(["show", kind, name]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"{kind} {name}\n")
    assert shown["paper"] in text
    assert shown.get("equation", "") in text


def test_recipes_are_shown_as_they_are(capsys):
    """A recipe is its file, byte for byte."""
    assert run(["show", "recipe", "quickstart"]) == 0
    assert capsys.readouterr().out == recipes()["quickstart"].read_text(encoding="utf-8")


def test_cards_that_ship_are_shown_without_network(capsys):
    """A shipped card says whether it is published."""
    assert run(["show", "zoo/oracle-phi3-tldr", "--offline"]) == 0
    assert "status: " in capsys.readouterr().out


def test_a_card_of_the_catalogue_is_shown_with_its_recipe(capsys):
    """What nobody has published is shown with status, base, data, licence, the commands that make it, and the cost."""
    card = shipped_cards()["student-opt125m-ultrafeedback-e-dpo"]
    assert run(["show", f"zoo/{card.name}", "--offline"]) == 0
    out = capsys.readouterr().out
    for words in ("status: not published yet", f"base: {card.base}", f"data: {card.data}", "license: other"):
        assert f"{words}\n" in out
    assert [command for command in card.commands if f"    {command}\n" not in out] == []
    assert f"{card.cost.hours:g} hours" in out
    assert run(["show", f"zoo/{card.name}", "--offline", "--json"]) == 0
    assert json.loads(capsys.readouterr().out).items() >= card.model_dump(mode="json").items()


@pytest.fixture
def thing(tmp_path, monkeypatch):
    """Return a zoo in a folder with the oracle `thing` under two tags, the older of which is another revision."""
    monkeypatch.delenv("DRDOCTL_ZOO", raising=False)
    where = str(tmp_path / "shared")
    THINGS["publish"](where, tmp_path, THINGS["FILES"], "thing", "v1")
    THINGS["publish"](where, tmp_path, THINGS["FILES"], "thing", "v2", **DESCRIBED)
    return where


def test_a_published_card_is_readable_at_a_glance(thing, capsys):
    """Figures with intervals, rewards, warnings, lineage, files with sizes, licence, tags, and commands to use it."""
    assert run(["show", "zoo/thing", "--zoo", thing]) == 0
    out = capsys.readouterr().out
    assert out.startswith("oracle zoo/thing  v2\n")
    for line in (
        "license: mit",
        "base: facebook/opt-1.3b at cccccccccccc",
        "data: org/pairs",
        "  accuracy                            0.75  [0.7, 0.8]    512 rows",
        "  win_rate against reference by oracle at 0.7  0.83  [0.79, 0.87]  512 rows",
        "  win_rate against sft by oracle at 0.7  0.61  [0.57, 0.65]  512 rows",
        "  on the held-out pairs of `data-0123456789ab`",
        "  rewards: mean 0.1, standard deviation 2, from -3 to 4",
        "  judge = teacher",
        "  sft     bbbbbbbbbbbb",
        f"  drdoctl pull zoo/thing@v2 --zoo {thing}",
        f"  drdoctl score zoo/thing@v2 pairs.jsonl --zoo {thing}",
    ):
        assert " ".join(line.split()) in [" ".join(each.split()) for each in out.splitlines()]
    assert "tags: v1 (" in out
    assert [value for value in ("0.98", "0.55") if value in out] == []  # of validation prompts
    assert "on test prompts and pairs; `--json` has" in out
    assert re.search(r"^  model.safetensors +1\.1 kB +[0-9a-f]{12}$", out, re.MULTILINE)
    assert '"architectures"' not in out  # the model's config is for programs


def test_a_published_card_is_the_card_in_json(thing, capsys):
    """`--json` has all of the card's fields as published, the revision's id and all tags."""
    assert run(["show", "zoo/thing@v1", "--zoo", thing, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    zoo = open_zoo(thing)
    assert shown["revision"] == shown["tags"]["v1"] == zoo.resolve("thing", "v1") != shown["tags"]["v2"]
    published = json.loads(zoo.card("thing", shown["revision"]))
    assert {key: shown[key] for key in published} == published


def test_a_zoo_that_is_not_told_by_the_command_gives_way_to_the_catalogue(thing, capsys, monkeypatch):
    """With DRDOCTL_ZOO, a name that is there is shown from there, and one that is not from the catalogue."""
    monkeypatch.setenv("DRDOCTL_ZOO", thing)
    assert run(["show", "zoo/thing"]) == 0
    assert "revision: " in capsys.readouterr().out
    assert run(["show", "zoo/oracle-phi3-tldr"]) == 0
    assert "status: not published yet" in capsys.readouterr().out
    assert run(["show", "zoo/oracle-phi3-tldr", "--zoo", thing]) == 4
    assert "nobody has published" in capsys.readouterr().err
    assert run(["show", "zoo/oracle-phi3-tldr@v1"]) == 4


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["drod"], "did you mean `drdo`?"),
        (["method", "edpo"], "did you mean `e-dpo`?"),
        (["method", "rpo"], "`rpo` may mean `rpo-bwd-kl`, `rpo-fwd-kl`, `rpo-sq`: say which"),
        (["sft", "x", "y"], "KIND NAME"),
        (["split", "nothing-like-it"], "`drdoctl ls splits` shows all"),
        (["label-nois"], "did you mean `label-noise`?"),
        (["eval"], "which eval?\nhint: `drdoctl ls evals` lists them"),
        (["select"], "`select` is a section of specs: `drdoctl schema spec`"),
        (["artifact", "align-000000000000"], "there is no artifact"),
    ],
)
def test_unknown_things_are_guessed(argv, words, capsys, tmp_path):
    """What is not there is an error with the likely name and where to look."""
    assert run(["show", *argv, "--store", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err


def test_artifacts_are_named_by_their_stage_too(capsys, tmp_path):
    """A name, its beginning or a stage's id shows an artifact; where several are meant, they are named."""
    store = Store(tmp_path)
    store.prepare()
    wants = [Want("align", 1, {"method.name": name}, label=name) for name in ("dpo", "ipo")]
    for want in wants:
        work, _ = store.open_partial(want)
        (work / "config.json").write_text("{}")
        store.commit(want, "demo", {}, 1.0)
    for name in (wants[0].artifact, wants[0].artifact[:-4], "align[dpo]"):
        assert run(["show", "artifact", name, "--store", str(tmp_path)]) == 0
        assert f"fingerprint: {wants[0].fingerprint}" in capsys.readouterr().out
    assert run(["show", "align", "--store", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "`align` means several artifacts" in err
    assert all(f"`{want.artifact}` ({want.id})" in err for want in wants)
