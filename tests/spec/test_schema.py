"""The JSON Schema is current, and agrees with pydantic on whatever a spec is changed into."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from drdoctl.core.errors import Where
from drdoctl.spec.axes import matrix_faults
from drdoctl.spec.model import Spec
from drdoctl.spec.schema import schema
from drdoctl.spec.source import parse, read

ROOT = Path(__file__).resolve().parents[2]
GOOD = [read(path)[0] for path in sorted((ROOT / "tests" / "specs" / "good").glob("*.yaml"))]
VALIDATOR = Draft202012Validator(schema())
SCALARS = [None, True, False, 0, 1, 2.5, -1, 3, 1000, "", "dpo", "drdo", "hard", "notes", "sft", "a b", "zoo/a", "bf16"]
VALUES = st.sampled_from(
    [*SCALARS, [], {}, ["hard"], [1, 2], {"name": "dpo"}, {"name": "hard"}, {"jsonl": "a"}, {"epochs": 1}]
)


def _paths(value, prefix=()):
    yield prefix
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(item, (*prefix, key))


def test_the_file_is_current():
    """`schemas/spec.schema.json` is what the models say today."""
    assert json.loads((ROOT / "schemas" / "spec.schema.json").read_text(encoding="utf-8")) == schema()


def test_it_is_a_schema_with_closed_objects_and_descriptions():
    """Every object refuses unknown keys, and every field of a section says what it is."""
    made = schema()
    Draft202012Validator.check_schema(made)
    for name, definition in made["$defs"].items():
        assert definition["additionalProperties"] is False, name
    for name in ("Training", "Resources", "Oracle", "Publish", "NewModel"):
        fields = made["$defs"][name]["properties"]
        assert all("description" in field for field in fields.values()), name


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_both_validators_agree_on_mutated_specs(data):
    """Replace, remove or add anything in a good spec: pydantic and the JSON Schema give the same verdict."""
    spec = copy.deepcopy(data.draw(st.sampled_from(GOOD)))
    path = data.draw(st.sampled_from([path for path in _paths(spec) if path]))
    parent = spec
    for part in path[:-1]:
        parent = parent[part]
    action = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if action == "replace":
        parent[path[-1]] = data.draw(VALUES)
    elif action == "remove":
        del parent[path[-1]]
    elif isinstance(parent, dict):
        parent[data.draw(st.sampled_from(["name", "zoo", "alpha", "jsonl", "seed", "quantile"]))] = data.draw(VALUES)
    # what is read is what both see: whole floats are integers
    spec = parse(json.dumps(spec), "s.yaml")[0]
    assert (not list(VALIDATOR.iter_errors(spec))) == (_pydantic_accepts(spec) and _matrix_has_axes(spec))


def _matrix_has_axes(spec):
    """Whether the keys of `matrix` are such as can change a result: to pydantic they are any text."""
    faults = matrix_faults(spec, lambda at, key: Where("spec.yaml"))
    return not any("in a matrix" in fault.message or "is not a key of a spec" in fault.message for fault in faults)


def _pydantic_accepts(spec):
    try:
        Spec.model_validate(spec)
    except ValidationError as error:
        # what a plug-in says about several of its fields together no schema can say
        return all(item["type"] == "value_error" for item in error.errors())
    return True


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("matrix: {seed: [1, 2]}", True),
        ("matrix: {data.split: [all]}", True),
        ("matrix: {zoo: [1]}", False),
        ("matrix: {resources.processes: [1]}", False),
        ("matrix: {seed: []}", False),
    ],
)
def test_the_matrix_has_known_sections(text, accepted):
    """Keys of a matrix begin with a section that can change a result."""
    spec = {**GOOD[0], **parse(text, "s.yaml")[0]}
    assert (not list(VALIDATOR.iter_errors(spec))) == accepted
