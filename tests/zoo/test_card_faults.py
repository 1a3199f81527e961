"""A card of a newer drdoctl is not called damaged, and a damaged one not newer."""

from __future__ import annotations

import json

import pytest
import zoo_things

from drdoctl.core.errors import IntegrityError
from drdoctl.zoo.card import parse_card
from drdoctl.zoo.card_faults import NEWER


@pytest.mark.parametrize(
    ("change", "says", "hint"),
    [
        ({"format": 2}, "its format is 2, and this drdoctl reads 1", "a newer drdoctl made it"),
        ({"format": 3, "files": 1, "surprise": 1}, "its format is 3", "a newer drdoctl made it"),
        ({"surprise": 1}, "`surprise` is no field of format 1", "a newer drdoctl may have made it"),
    ],
)
def test_a_newer_card_is_not_called_damaged(change, says, hint):
    """It is not to be published again: whoever reads it needs a newer drdoctl."""
    plain = json.loads(zoo_things.make_card().to_bytes())
    with pytest.raises(IntegrityError) as caught:
        parse_card(json.dumps({**plain, **change}).encode(), name="thing", where="here")
    (fault,) = caught.value.faults
    assert fault.code == NEWER
    assert says in fault.message
    assert hint in fault.hint
    assert "pip install --upgrade drdoctl" in fault.hint


@pytest.mark.parametrize(
    "change", [{"format": 0}, {"format": 1.5}, {"format": "2"}, {"surprise": 1, "size": 1, "files": {}}]
)
def test_what_no_version_writes_is_damaged(change):
    """Only a greater number of the format, or a field too many and nothing else amiss, tells of a newer drdoctl."""
    plain = json.loads(zoo_things.make_card().to_bytes())
    with pytest.raises(IntegrityError) as caught:
        parse_card(json.dumps({**plain, **change}).encode(), name="thing", where="here")
    assert {fault.code for fault in caught.value.faults} == {"card"}
    assert "publish `zoo/thing` again" in caught.value.faults[0].hint
