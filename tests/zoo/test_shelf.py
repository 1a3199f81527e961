"""The catalogue: cards of known artifacts, whether they exist yet or not."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import jsonschema
import pytest
import yaml

from drdoctl.cli import run
from drdoctl.core.errors import IntegrityError, ZooError
from drdoctl.shipped import recipes, shipped
from drdoctl.spec.load import load
from drdoctl.spec.matrix import combinations
from drdoctl.zoo.location import parse_ref, ships
from drdoctl.zoo.resolve import look_up
from drdoctl.zoo.shelf import ShelfCard, answered, schema, shipped_cards

CARDS = shipped_cards()


def test_the_papers_oracles_and_students_are_there():
    """Each paper recipe has a card for its oracle's set-up and for the student of each of its methods."""
    made = {(card.recipe, card.stage) for card in CARDS.values()}
    papers = [name for name in recipes() if name.startswith(("tldr-", "ultrafeedback-"))]
    assert len(papers) == 8
    for name in papers:
        labels = {combo.label for combo in combinations(load(recipes()[name]).spec)}
        assert labels == {"drdo", "dpo", "e-dpo"}
        assert {(name, f"align[{label}]") for label in labels} <= made
    oracles = {(card.base, card.data) for card in CARDS.values() if card.role == "oracle"}
    for name in papers:
        assert any(base == load(recipes()[name]).spec.oracle.model for base, _ in oracles)


@pytest.mark.parametrize("name", sorted(CARDS))
def test_a_card_says_what_is_and_how_it_is_made(name):
    """A card fits the schema, claims weights only where they ship, and its commands follow from its recipe."""
    card = CARDS[name]
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load((shipped("zoo") / f"{name}.yaml").read_text()))
    assert card.recipe in recipes()
    assert (card.status == "ships with drdoctl") == ships(name)
    assert card.status != "published"
    assert card.revision is None
    assert card.commands[0] == f"drdoctl init {card.recipe}.yaml --from {card.recipe}"
    assert card.commands[1].startswith(f"drdoctl apply {card.recipe}.yaml")
    assert card.commands[2] == (f"drdoctl push ARTIFACT zoo/{name} --tag v1 --license {card.license} --zoo LOCATION")
    assert 0 < card.cost.own_hours <= card.cost.hours
    assert load(recipes()[card.recipe]).spec.name == card.recipe


def test_the_commands_can_be_typed(tmp_path, monkeypatch):
    """`init` copies the recipe and `apply`'s options fit it, for every card; the plan has the stage that is pushed."""
    monkeypatch.chdir(tmp_path)
    stages = {}
    for card in CARDS.values():
        made, applied, _ = (shlex.split(command)[1:] for command in card.commands)
        if tuple(applied) not in stages:
            assert run([*made, "--quiet", "--force"]) == 0
            assert run(["check", *applied[1:]]) == 0
            stages[tuple(applied)] = stage_names(load(Path(applied[1])).spec)
        assert card.stage in stages[tuple(applied)]


def stage_names(spec):
    """Return the names of the stages that make oracles and students of a spec's matrix."""
    labels = [combo.label for combo in combinations(spec)]
    members = max((getattr(combo.spec.method, "members", 0) for combo in combinations(spec)), default=0)
    return {"oracle", *(f"oracle[member-{at}]" for at in range(members)), *(f"align[{label}]" for label in labels)}


def test_what_is_no_card_does_not_fit_the_schema():
    """The schema takes neither a catalogue card without its cost nor one with a key of its own."""
    plain = CARDS["oracle-phi3-tldr"].model_dump(mode="json")
    jsonschema.validate(plain, schema())
    for broken in ({**plain, "colour": "red"}, {key: value for key, value in plain.items() if key != "cost"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema())


@pytest.mark.parametrize("verb", ["pull", "verify"])
def test_what_nobody_has_published_is_answered_with_its_recipe(verb, tmp_path, capsys, monkeypatch):
    """Exit 4: nobody has published it; the commands that make it, what that costs, and on which machine."""
    monkeypatch.delenv("DRDOCTL_ZOO", raising=False)
    assert run([verb, "zoo/oracle-phi3-tldr", "--offline", "--json", "--store", str(tmp_path)]) == 4
    fault = json.loads(capsys.readouterr().err)["error"]
    card = CARDS["oracle-phi3-tldr"]
    assert fault["code"] == "not-published"
    assert "nobody has published `zoo/oracle-phi3-tldr` yet" in fault["message"]
    assert [command for command in card.commands if command not in fault["hint"]] == []
    assert f"{card.cost.hours:g} hours" in fault["hint"]
    assert f"{card.cost.memory_gib:g} GiB of memory" in fault["hint"]
    assert f"{card.cost.disk_gib:g} GiB of disk" in fault["hint"]
    assert card.cost.machine in fault["hint"]


def test_a_zoo_that_does_not_hold_it_is_named(tmp_path):
    """Looked for in a zoo of one's own, the answer says where it was not found."""
    with pytest.raises(ZooError, match="is not in the zoo") as error:
        look_up(parse_ref("zoo/oracle-phi3-tldr"), str(tmp_path))
    assert error.value.faults[0].code == "not-published"


def test_a_misspelt_name_is_guessed_where_no_zoo_can_be_asked(tmp_path, capsys, monkeypatch):
    """Offline, a name that is nearly one of the catalogue's is exit 4 with the likely one."""
    monkeypatch.delenv("DRDOCTL_ZOO", raising=False)
    assert run(["pull", "zoo/oracle-note", "--offline", "--store", str(tmp_path)]) == 4
    assert "did you mean `oracle-notes`?" in capsys.readouterr().err


def test_other_errors_stay_as_they_are(tmp_path):
    """A name that no card has, a revision that is not there, a damaged file: each keeps its own words."""
    with pytest.raises(ZooError) as unknown:
        look_up(parse_ref("zoo/nothing-like-it"), str(tmp_path))
    assert unknown.value.faults[0].code == "zoo-unknown"
    with pytest.raises(ZooError) as revision, answered("oracle-phi3-tldr"):
        raise ZooError("no revision `v9`", code="zoo-revision")
    assert revision.value.faults[0].code == "zoo-revision"
    with pytest.raises(IntegrityError), answered("oracle-phi3-tldr"):
        raise IntegrityError("damaged", code="card")


def test_a_broken_card(tmp_path):
    """A card file that is not a card, or not the one its name says, is exit 5."""
    (tmp_path / "thing.yaml").write_text("name: thing\n", encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"thing\.yaml"):
        shipped_cards(tmp_path)
    card = next(iter(CARDS.values()))
    (tmp_path / "thing.yaml").write_text(ShelfCard.model_dump_json(card), encoding="utf-8")
    with pytest.raises(IntegrityError, match=card.name):
        shipped_cards(tmp_path)
