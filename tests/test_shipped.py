"""What ships beside the code is found."""

from __future__ import annotations

from drdoctl.shipped import headline, recipes, shipped


def test_recipes_schemas_and_cards_are_there():
    """Each folder is found and holds what it should."""
    assert "quickstart" in recipes()
    assert (shipped("schemas") / "spec.schema.json").is_file()
    assert list(shipped("zoo").glob("*.yaml"))


def test_every_recipe_says_what_it_is():
    """The first comment line that is not the schema's is a sentence."""
    for path in recipes().values():
        assert len(headline(path)) > 20
