"""Rules about a judge's server: named where an eval asks, and only there."""

from __future__ import annotations

import pytest

BASE = "version: 1\nname: x\ndata: {source: {jsonl: a}}\nstudent: {model: a/b, revision: v1}\nmethod: dpo\n"
JUDGED = "evaluate: [{name: llm-judge, model: m}]\n"
SERVER = "resources: {judge: {url: 'http://h:1/v1', concurrency: 2}}\n"
MATRIX = "matrix: {evaluate: [[{name: pair-accuracy}], [{name: llm-judge, model: m}]]}\n"


@pytest.mark.parametrize("text", [JUDGED + SERVER, MATRIX + SERVER, "evaluate: [pair-accuracy]\n"])
def test_good_specs(checked, text):
    """A server where one is asked, in the spec or in a combination of its matrix; none where none is."""
    assert checked(BASE + text)[0] == []


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (JUDGED, "missing-judge", 6),
        (JUDGED + "resources: {judge: {concurrency: 2}}\n", "missing-judge", 6),
        (MATRIX, "missing-judge", 6),
        ("evaluate: [pair-accuracy]\n" + SERVER, "no-effect", 7),
    ],
)
def test_bad_specs(checked, text, code, line):
    """An eval that asks nobody in particular, and a server that nobody asks, are faults with their line."""
    assert [(fault.code, fault.where.line) for fault in checked(BASE + text)[0]] == [(code, line)]


@pytest.mark.parametrize(
    "key", ["sk-proj-0123456789ABCdefghijkl", "hf_0123456789abcdefghij", "https://me:secret@h/v1", "a short key 1"]
)
def test_a_key_in_the_spec_is_never_shown(checked, key):
    """Whatever is written in place of the variable's name, neither it nor its line is in any message."""
    text = f"{JUDGED}resources: {{judge: {{url: 'http://h:1/v1', key_env: '{key}', nonsense: 1}}}}\n"
    faults, _ = checked(BASE + text)
    assert len(faults) == 2
    assert key not in repr(faults)


def test_a_long_name_is_no_key(checked):
    """A file whose name begins like a key, in small letters, is a file."""
    text = "evaluate: [pair-accuracy]\n"
    assert checked(BASE.replace("jsonl: a", "jsonl: sk-preferences-of-many-people-2.jsonl") + text) == ([], ())
