"""Rules about who samples: nothing without effect, and a command that can be started."""

from __future__ import annotations

import pytest

BASE = "version: 1\nname: x\ndata: {source: {jsonl: a}}\nmethod: dpo\n"
STUDENT = "student: {model: a/b, revision: v1}\n"
SAMPLED = "oracle: {model: zoo/a}\nevaluate: [win-rate]\n"
MATRIX = "matrix: {evaluate: [[{name: pair-accuracy}], [{name: win-rate}]]}\n"


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
def test_what_may_be_said(checked, text):
    """A sampler where something is sampled, and a server where it samples, are fine."""
    assert checked(BASE + text)[0] == []


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
def test_what_is_wrong_is_named(checked, text, expected):
    """What has no effect, cannot be started is a fault, all of them at once."""
    found, _ = checked(BASE + text)
    assert len(found) == len(expected)
    for fault, (code, words) in zip(found, expected, strict=True):
        assert fault.code == code
        assert words in fault.message
