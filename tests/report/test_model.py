"""The report's JSON Schema: shipped, current, and true of a real report."""

import json
from pathlib import Path

import jsonschema
import pytest

from drdoctl.report.collect import collect
from drdoctl.report.model import schema


def test_the_shipped_schema_is_current():
    """`schemas/report.schema.json` is what the models give."""
    shipped = Path(__file__).parents[2] / "schemas" / "report.schema.json"
    assert json.loads(shipped.read_text(encoding="utf-8")) == schema()


def test_a_report_fits_the_schema(house):
    """A collected report is valid; one with an unknown or a missing field is not."""
    validator = jsonschema.Draft202012Validator(schema())
    report = collect(house.store, house.plan)
    validator.validate(report)
    for bad in (report | {"extra": 1}, {name: report[name] for name in report if name != "spec"}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(bad)
