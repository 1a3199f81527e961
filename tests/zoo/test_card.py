"""Cards: the same bytes for the same artifact, and no contradictions."""

from __future__ import annotations

import json

import jsonschema
import pytest
import zoo_things

from drdoctl.core.errors import IntegrityError
from drdoctl.shipped import shipped
from drdoctl.stages import Want
from drdoctl.store.manifest import fingerprint_of
from drdoctl.zoo.card import Card, parse_card
from drdoctl.zoo.push import pack
from drdoctl.zoo.shelf import schema


def test_fingerprint_is_that_of_the_plan(store, oracle):
    """The card's own sum gives the fingerprint that the plan gives, inputs and externals included."""
    first = Want("data", 2, {"data.split": ["hard"], "x": 1.0}, externals={"data.source": "aa"})
    second = Want("align", 3, {"method.alpha": 0.1}, inputs={"data": first})
    made = {"kind": "align", "version": 3, "settings": {"method.alpha": 0.1}, "inputs": {"data": first.fingerprint}}
    assert fingerprint_of({**made, "externals": {}}) == second.fingerprint
    assert pack(store, oracle, "thing").card.artifact == oracle


def test_bytes_are_stable(store, oracle):
    """A card read back gives the same bytes, and packing twice gives the same card."""
    card = pack(store, oracle, "thing").card
    assert parse_card(card.to_bytes(), name="thing", where="here").to_bytes() == card.to_bytes()
    assert pack(store, oracle, "thing").card.to_bytes() == card.to_bytes()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": "other"}, "describes `other`"),
        ({"role": "student"}, "does not make a student"),
        ({"spec": {"oracle.seed": 1}}, "fingerprint"),
        ({"inputs": {"data": "0" * 64}}, "fingerprint"),
        ({"spec_sha256": "0" * 64}, "hash"),
        ({"files": {}}, "files"),
        ({"files": {"a.safetensors": {"sha256": "zz", "size": 1}}}, "sha256"),
        ({"files": {"a.safetensors": {"sha256": "0" * 64, "size": -1}}}, "size"),
        ({"files": {"a.safetensors": {"sha256": "0" * 64, "size": 1.5}}}, "size"),
        ({"format": 2}, "format"),
        ({"surprise": 1}, "surprise"),
        ({"license": "mit; rm -rf /"}, "license"),
        ({"name": "../x"}, "name"),
    ],
)
def test_contradictions(change, named):
    """A swapped, edited or malformed card is exit 5 and says what is wrong."""
    plain = json.loads(zoo_things.make_card().to_bytes())
    with pytest.raises(IntegrityError, match=named):
        parse_card(json.dumps({**plain, **change}).encode(), name="thing", where="here")


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"format": NaN}', b"[" * 100_000, b" " * (5 << 20)]
)
def test_junk(data):
    """Anything that is no card is exit 5, never a traceback."""
    with pytest.raises(IntegrityError):
        parse_card(data, name="thing", where="here")


@pytest.mark.parametrize(
    "change",
    [{"seconds": float("inf")}, {"metrics": {"loss": float("nan")}}, {"figures": [{"value": float("-inf")}]}],
    ids=["seconds", "metrics", "figures"],
)
def test_numbers_that_no_manifest_could_hold_are_refused(change):
    """A card with a number that is not finite, wherever it stands, is refused before a store takes it."""
    plain = json.loads(zoo_things.make_card().to_bytes())
    with pytest.raises(IntegrityError, match="finite"):
        parse_card(json.dumps({**plain, **change}).encode(), name="thing", where="here")


def test_schema_agrees_with_the_model(store, oracle):
    """A real card passes the JSON Schema, a broken one does not, and the file in the repository is current."""
    card = json.loads(pack(store, oracle, "thing").card.to_bytes())
    jsonschema.Draft202012Validator(schema()).validate(card)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**card, "files": {}}, schema())
    written = json.loads((shipped("schemas") / "card.schema.json").read_text(encoding="utf-8"))
    assert written == schema()


def test_every_field_is_described():
    """Each field of the card says what it holds."""
    made = Card.model_json_schema()
    assert [name for name, field in made["properties"].items() if "description" not in field] == []
