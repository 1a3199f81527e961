"""The diagnosis as data."""

import json
from pathlib import Path

from drdoctl.doctor.model import schema

SHIPPED = Path(__file__).parents[2] / "schemas" / "doctor.schema.json"


def test_the_shipped_schema_is_current():
    """`schemas/doctor.schema.json` is what the code would write now, and each field is described."""
    assert json.loads(SHIPPED.read_text(encoding="utf-8")) == schema()
    parts = [schema(), *schema()["$defs"].values()]
    assert all("description" in field for part in parts for field in part["properties"].values())
