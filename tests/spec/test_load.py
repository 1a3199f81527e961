"""`load`: all faults at once, in order, and where every value came from."""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.core.errors import UserError
from drdoctl.spec.load import load, load_data
from drdoctl.spec.marks import Marks
from drdoctl.spec.matrix import combinations
from drdoctl.spec.presence import absent
from drdoctl.spec.source import read

SPECS = Path(__file__).resolve().parents[1] / "specs" / "good"
GOOD = [read(path)[0] for path in sorted(SPECS.glob("*.yaml"))]
WORDS = [
    None,
    True,
    0,
    -1,
    2.5,
    "",
    "dpo",
    "drdo",
    "hard",
    "notes",
    "sft",
    "zoo/a",
    "./x",
    [],
    {},
    ["dpo", "drdo"],
    [1, 2],
]
SECTIONS = [
    {"matrix": {"method": ["dpo", "ipo"], "method.beta": [1, 2]}},
    {"matrix": {"student.sft": [False, {}], "student.sft.epochs": [1]}},
    {"matrix": {"evaluate.0.prompts": [1, 2], "seed": [1, 2]}},
    {"oracle": {"model": "sft"}, "method": "e-dpo"},
    {"publish": {"student": "zoo/a", "oracle": "zoo/b"}, "zoo": "hub:x"},
    {"evaluate": ["win-rate", {"name": "true-reward"}]},
    {"student": {"model": {"heads": 3}, "sft": False}},
]

TEXT = """version: 1
name: x
data: {source: {jsonl: pairs.jsonl}, split: hard}
student: {model: facebook/opt-125m}
method: {name: dpo, beta: 0.5}
"""


@pytest.fixture
def spec(tmp_path):
    """Return a function that writes a spec file."""

    def write(text=TEXT):
        path = tmp_path / "spec.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_good_spec_is_loaded_with_its_places(spec):
    """Values, defaults and short forms each know their origin."""
    loaded = load(spec(), ["seed=7"])
    origins = {key: loaded.origin(key).rpartition("/")[2] for key in ("name", "data.split.0.name", "method.beta")}
    assert origins == {"name": "spec.yaml:2", "data.split.0.name": "spec.yaml:3", "method.beta": "spec.yaml:5"}
    assert loaded.origin("seed") == "--set seed"
    assert (
        loaded.origin("data.split.0.quantile")
        == loaded.origin("data.source.name")
        == loaded.origin("train.epochs")
        == "default"
    )
    assert (loaded.spec.seed, loaded.base) == (7, spec().resolve().parent)


def test_paths_stay_as_written(spec):
    """The spec keeps its relative paths: no absolute path can enter a plan."""
    assert load(spec()).spec.data.source.jsonl == "pairs.jsonl"


def test_faults_come_in_the_order_of_the_file_then_sets(spec):
    """All faults are there at once, by line; those of `--set` name their key and come last."""
    text = TEXT.replace("beta: 0.5", "beta: -1, bta: 2").replace("name: x", "name: X")
    with pytest.raises(UserError) as caught:
        load(spec(text), ["train.epochs=-1"])
    places = [str(fault.where).rpartition("/")[2] for fault in caught.value.faults]
    assert places == ["spec.yaml:2:7", "spec.yaml:5:27", "spec.yaml:5:31", "--set train.epochs"]


def test_what_only_a_set_has_is_placed_there(spec):
    """A fault above the key that `--set` names has no line in the file."""
    with pytest.raises(UserError) as caught:
        load(spec(), ["bogus.deep.er=1"])
    assert [str(fault.where) for fault in caught.value.faults] == ["--set bogus.deep.er"]


def test_faults_of_fields_and_matrix_come_together(spec):
    """A wrong value in the matrix does not wait until the rest is right."""
    with pytest.raises(UserError) as caught:
        load(spec(TEXT.replace("name: x", "name: X") + "matrix: {seed: [1, a]}\n"))
    assert [fault.code for fault in caught.value.faults] == ["wrong-value", "wrong-type"]


def test_a_token_is_refused_and_never_shown(spec):
    """A Hub token in a spec is an error whose message and source line do not repeat it."""
    token = "hf_" + "A" * 34
    with pytest.raises(UserError) as caught:
        load(spec(TEXT + f"zoo: hub:{token}\n"))
    assert caught.value.faults[0].code == "secret"
    assert all(token not in repr(fault) for fault in caught.value.faults)


def test_doubts_are_warnings(spec):
    """An unpinned model and a judge that is the teacher are allowed, and said."""
    text = TEXT.replace("{name: dpo, beta: 0.5}", "drdo") + "oracle: {model: sft}\nevaluate: [win-rate]\n"
    warnings = load(spec(text)).warnings
    assert any("not pinned" in text for text in warnings)
    assert any(text.startswith("judge = teacher") for text in warnings)


def test_overriding_repairs_a_spec(spec):
    """A value given by `--set` takes the wrong one's place before anything is checked."""
    assert load(spec(TEXT.replace("0.5", "-1")), ["method.beta=2"]).spec.method.beta == 2


def _paths(value, prefix=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*prefix, key)
        yield from _paths(item, (*prefix, key))


def _absent(loaded):
    return absent(loaded, combinations(loaded.spec))


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_whatever_a_spec_is_changed_into_is_loaded_or_refused(data):
    """Sections swapped, values replaced or left out, any key overridden: a spec or UserError, no other exception."""
    spec = copy.deepcopy({**data.draw(st.sampled_from(GOOD)), **data.draw(st.sampled_from(SECTIONS))})
    paths = list(_paths(spec))
    path = data.draw(st.sampled_from(paths))
    parent = spec
    for part in path[:-1]:
        parent = parent[part]
    if data.draw(st.booleans()):
        parent[path[-1]] = copy.deepcopy(data.draw(st.sampled_from(WORDS)))
    else:
        del parent[path[-1]]
    key = ".".join(str(part) for part in data.draw(st.sampled_from(paths)))
    suffix = data.draw(st.sampled_from(["", ".0", ".name", ".beta"]))
    value = data.draw(st.sampled_from(["1", "null", "dpo", "{name: dpo}", "[1]", "false"]))
    sets = data.draw(st.sampled_from([[], [f"{key}{suffix}={value}"]]))
    with contextlib.suppress(UserError):
        load_data(spec, Marks("s.yaml", ["x"]), "", Path("absent/s.yaml"), sets, _absent)
