"""The cards that ship with drdoctl."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import IntegrityError, ZooError
from drdoctl.shipped import recipes
from drdoctl.zoo.location import parse_ref
from drdoctl.zoo.resolve import look_up
from drdoctl.zoo.shelf import ShelfCard, shipped_cards


def test_shipped_cards_are_sound():
    """Every shipped card names a recipe that is there, says that it is not published, and gives runnable commands."""
    cards = shipped_cards()
    assert {"oracle-phi3-tldr", "oracle-opt1.3b-ultrafeedback"} <= set(cards)
    for name, card in cards.items():
        assert card.recipe in recipes(), name
        assert card.status == "not published yet"
        assert card.revision is None
        assert card.commands[0] == f"drdoctl apply recipes/{card.recipe}.yaml"
        assert f"zoo/{name}" in card.commands[1]


def test_pulling_a_name_that_is_not_published_yet(tmp_path):
    """The error of a pull says so, and where the commands are that make it."""
    with pytest.raises(ZooError) as error:
        look_up(parse_ref("zoo/oracle-phi3-tldr"), str(tmp_path))
    assert error.value.faults[0].hint == (
        "it is not published yet: `drdoctl show zoo/oracle-phi3-tldr` gives the commands that make it"
    )


def test_a_broken_card(tmp_path):
    """A card file that is not a card, or not the one its name says, is exit 5."""
    (tmp_path / "thing.yaml").write_text("name: thing\n", encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"thing\.yaml"):
        shipped_cards(tmp_path)
    card = next(iter(shipped_cards().values()))
    (tmp_path / "thing.yaml").write_text(ShelfCard.model_dump_json(card), encoding="utf-8")
    with pytest.raises(IntegrityError, match=card.name):
        shipped_cards(tmp_path)
