"""The kinds of plug-ins."""

import pytest

from drdoctl.core.parts import Part
from drdoctl.spec.plugins import PLUGINS


@pytest.mark.parametrize("kind", PLUGINS)
def test_every_kind_has_plugins_under_their_own_names(kind):
    """A kind's registry holds at least one class, each under the name that a spec gives it."""
    found = PLUGINS[kind]()
    assert found
    for name, cls in found.items():
        assert issubclass(cls, Part)
        assert cls.model_json_schema()["properties"]["name"]["const"] == name
