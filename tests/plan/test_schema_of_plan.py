"""The plan's JSON Schema is the checked-in file."""

from __future__ import annotations

import json

import jsonschema

from drdoctl.plan.schema import schema
from drdoctl.shipped import shipped


def test_the_file_is_current():
    """`schemas/plan.schema.json` is what the code makes, and is a schema."""
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads((shipped("schemas") / "plan.schema.json").read_text(encoding="utf-8")) == schema()
