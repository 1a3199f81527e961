"""Rules about a judge's server: named where an eval asks, and only there."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import UserError
from drdoctl.spec.load import load_data
from drdoctl.spec.source import parse

BASE = "version: 1\nname: x\ndata: {source: {jsonl: a}}\nstudent: {model: a/b, revision: v1}\nmethod: dpo\n"
JUDGED = "evaluate: [{name: llm-judge, model: m}]\n"
SERVER = "resources: {judge: {url: 'http://h:1/v1', concurrency: 2}}\n"
MATRIX = "matrix: {evaluate: [[{name: pair-accuracy}], [{name: llm-judge, model: m}]]}\n"


def faults(tmp_path, text):
    """Return the faults' codes and places."""
    data, marks = parse(BASE + text, "spec.yaml")
    try:
        load_data(data, marks, text, tmp_path / "spec.yaml")
    except UserError as error:
        return [(fault.code, fault.where.line, fault.message) for fault in error.faults]
    return []


@pytest.mark.parametrize("text", [JUDGED + SERVER, MATRIX + SERVER, "evaluate: [pair-accuracy]\n"])
def test_good_specs(tmp_path, text):
    """A server where one is asked, in the spec or in a combination of its matrix; none where none is."""
    assert faults(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (JUDGED, "missing-judge", 6),
        (JUDGED + "resources: {judge: {concurrency: 2}}\n", "missing-judge", 6),
        (MATRIX, "missing-judge", 6),
        ("evaluate: [pair-accuracy]\n" + SERVER, "no-effect", 7),
    ],
)
def test_bad_specs(tmp_path, text, code, line):
    """An eval that asks nobody in particular, and a server that nobody asks, are faults with their line."""
    found = faults(tmp_path, text)
    assert [one[:2] for one in found] == [(code, line)]


@pytest.mark.parametrize(
    "key", ["sk-proj-0123456789ABCdefghijkl", "hf_0123456789abcdefghij", "https://me:secret@h/v1", "a short key 1"]
)
def test_a_key_in_the_spec_is_never_shown(tmp_path, key):
    """Whatever is written in place of the variable's name, neither it nor its line is in any message."""
    text = f"{JUDGED}resources: {{judge: {{url: 'http://h:1/v1', key_env: '{key}', nonsense: 1}}}}\n"
    data, marks = parse(BASE + text, "spec.yaml")
    with pytest.raises(UserError) as caught:
        load_data(data, marks, text, tmp_path / "spec.yaml")
    assert len(caught.value.faults) == 2
    assert key not in repr(caught.value.faults)


def test_a_long_name_is_no_key(tmp_path):
    """A file whose name begins like a key, in small letters, is a file."""
    text = "evaluate: [pair-accuracy]\n"
    data, marks = parse(BASE.replace("jsonl: a", "jsonl: sk-preferences-of-many-people-2.jsonl") + text, "spec.yaml")
    assert load_data(data, marks, text, tmp_path / "spec.yaml").warnings == ()
