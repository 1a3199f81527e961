"""Good specs and recipes pass both validators; every bad one fails with its golden message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from drdoctl.cli.console import render_fault
from drdoctl.core.errors import UserError
from drdoctl.spec.load import load
from drdoctl.spec.source import read

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "tests" / "specs"
GOOD = sorted((SPECS / "good").glob("*.yaml")) + sorted((ROOT / "recipes").glob("*.yaml"))
BAD = sorted((SPECS / "bad").glob("*.yaml"))
CROSS = {
    line
    for line in (SPECS / "cross_field.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
}


@pytest.fixture(scope="module")
def schema():
    """Return the schema as it is checked in."""
    return Draft202012Validator(json.loads((ROOT / "schemas" / "spec.schema.json").read_text(encoding="utf-8")))


def _messages(error):
    return "\n\n".join(render_fault(fault).plain for fault in error.faults) + "\n"


def test_the_corpus_is_large_enough():
    """There are at least 8 good specs and 45 bad ones, and the cross-field list names only files that are there."""
    assert len(GOOD) >= 8
    assert len(BAD) >= 45
    assert {path.stem for path in BAD} >= CROSS


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_specs_pass_both_validators(path, schema):
    """What `load` accepts, the JSON Schema accepts."""
    load(path)
    assert [error.message for error in schema.iter_errors(read(path)[0])] == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_specs_fail_with_their_message(path, golden, monkeypatch):
    """Every fault is named at once, with its place, its source line and what to do."""
    monkeypatch.chdir(path.parent)
    with pytest.raises(UserError) as caught:
        load(Path(path.name))
    golden(path.with_suffix(".err"), _messages(caught.value))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_specs_fail_the_schema_too(path, schema):
    """The schema refuses what `load` refuses, but for rules across fields, which are listed."""
    try:
        data = read(path)[0]
    except UserError:
        assert path.stem not in CROSS
        return
    assert bool(list(schema.iter_errors(data))) != (path.stem in CROSS)
