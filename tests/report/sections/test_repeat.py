"""Repeat it: commands as they are typed, the spec as it was written and as it was resolved."""

import json
import shlex

from page import body, words

from drdoctl.report.sections import repeat


def test_commands_can_be_pasted(report):
    """Names and values that a shell would change are quoted; every command has the same arguments."""
    report["source"] = {"file": "my spec.yaml", "sets": ["name=a b;c", "seed=1"], "text": "version: 1\n"}
    found = [shlex.split(line) for line in repeat.commands(report)]
    assert [line[1] for line in found] == ["plan", "apply", "report", "doctor"]
    assert all(line[2:] == ["my spec.yaml", "--set", "name=a b;c", "--set", "seed=1"] for line in found)


def test_both_forms_of_the_spec(report):
    """The written text is there to the letter, and the resolved one can be read back."""
    blocks = [words(node) for node in body(repeat.html(report)).iter("pre")]
    assert blocks[1] == "version: 1  # demo\n"
    assert json.loads(blocks[2]) == report["spec"]


def test_a_plan_without_a_text_shows_what_it_has(report):
    """Without the written text there are no commands, and the resolved spec all the same."""
    report["source"]["text"] = ""
    (block,) = [words(node) for node in body(repeat.html(report)).iter("pre")]
    assert json.loads(block) == report["spec"]
