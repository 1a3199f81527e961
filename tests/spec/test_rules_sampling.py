"""Rules about who samples: nothing without effect, and a command that can be started."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import UserError
from drdoctl.spec.load import load_data
from drdoctl.spec.source import parse

BASE = "version: 1\nname: x\ndata: {source: {jsonl: a}}\nmethod: dpo\n"
STUDENT = "student: {model: a/b, revision: v1}\n"
SAMPLED = "oracle: {model: zoo/a}\nevaluate: [win-rate]\n"
MATRIX = "matrix: {evaluate: [[{name: pair-accuracy}], [{name: win-rate}]]}\n"


def _faults(tmp_path, text):
    data, marks = parse(BASE + text, "spec.yaml")
    try:
        load_data(data, marks, text, tmp_path / "spec.yaml")
    except UserError as error:
        return [(fault.code, str(fault.message)) for fault in error.faults]
    return []


def _server(text):
    return f"{STUDENT}{SAMPLED}sampler: server\nresources: {{server: {{{text}}}}}"


@pytest.mark.parametrize(
    "text",
    [
        f"{STUDENT}{SAMPLED}sampler: server",
        f"{STUDENT}{SAMPLED}sampler: builtin",
        _server("url: http://gpu:8000/v1, concurrency: 64, key_env: OPENAI_API_KEY"),
        _server("url: https://gpu/proxy/v1/"),
        _server("command: 'serve {model} --port={port} --more \"{}\"', timeout_seconds: 3.5"),
        f"{STUDENT}oracle: {{model: zoo/a}}\n{MATRIX}sampler: server",
    ],
)
def test_what_may_be_said(tmp_path, text):
    """A sampler where something is sampled, and a server where it samples, are fine."""
    assert _faults(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{STUDENT}evaluate: [pair-accuracy]\nsampler: server", [("no-effect", "no eval samples")]),
        (f"{STUDENT}sampler: builtin", [("no-effect", "no eval samples")]),
        (f"{STUDENT}{SAMPLED}resources: {{server: {{}}}}", [("no-effect", "without `sampler: server`")]),
        (_server("url: http://h, command: 'a {model} {port}'"), [("no-effect", "with `resources.server.url`")]),
        (_server("command: 'serve {folder}'"), [("bad-value", "{folder}"), *[("bad-value", "lacks")] * 2]),
        (_server("command: 'serve \"{model} {port}'"), [("bad-value", "quote")]),
        (_server("command: ' '"), [("bad-value", "no program")]),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, expected):
    """What has no effect, cannot be started is a fault, all of them at once."""
    found = _faults(tmp_path, text)
    assert len(found) == len(expected)
    for (code, message), (wanted, words) in zip(found, expected, strict=True):
        assert code == wanted
        assert words in message
