"""`drdoctl show`."""

from __future__ import annotations

import json

import pytest

from drdoctl.cli import run
from drdoctl.shipped import recipes
from drdoctl.spec.plugins import PLUGINS
from drdoctl.stages import Want
from drdoctl.store.artifact import Store


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
