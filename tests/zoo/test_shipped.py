"""The zoo that ships."""

from __future__ import annotations

import pytest
import zoo_things

from drdoctl.core.errors import UserError
from drdoctl.shipped import shipped
from drdoctl.zoo.location import open_zoo


def test_it_is_only_read(tmp_path):
    """A push into it is exit 2 and changes nothing: the next update would sweep it away."""
    before = sorted((shipped("zoo") / "shipped").rglob("*"))
    with pytest.raises(UserError, match="cannot go into the zoo that ships"):
        zoo_things.publish("shipped:", tmp_path, zoo_things.FILES)
    assert sorted((shipped("zoo") / "shipped").rglob("*")) == before


def test_it_has_one_name_everywhere():
    """It opens offline, as `shipped:` wherever drdoctl is installed."""
    assert open_zoo("shipped:", offline=True).location == "shipped:"
