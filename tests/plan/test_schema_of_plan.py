"""The plan's JSON Schema is the checked-in file."""

from __future__ import annotations

import jsonschema

from drdoctl.plan.schema import schema, text
from drdoctl.shipped import shipped


def test_the_file_is_current():
    """`schemas/plan.schema.json` is what the code makes, and is a schema."""
    jsonschema.Draft202012Validator.check_schema(schema())
    assert (shipped("schemas") / "plan.schema.json").read_text(encoding="utf-8") == text()
