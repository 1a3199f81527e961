"""Help texts: golden, grouped, with examples that parse."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from drdoctl.cli import GROUPS, group, run
from drdoctl.cli._reference import helps

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "help"
VERBS = sorted(name for name in helps() if name)


def _command(name):
    return group.get_command(click.Context(group), name)


@pytest.mark.parametrize("name", ["", *VERBS])
def test_help_is_as_it_was(name, golden):
    """Help changes only on purpose."""
    golden(GOLDEN / f"{name or 'drdoctl'}.txt", helps()[name])


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_is_grouped_explained_and_has_examples(name):
    """Its first line is a short sentence, it has two to four examples, and it has the shared options."""
    command = _command(name)
    assert name in {verb for verbs in GROUPS.values() for verb in verbs}
    headline = command.help.strip().splitlines()[0]
    assert headline.endswith(".")
    assert len(headline) <= 80
    assert 2 <= len(command.examples) <= 4
    options = {option for param in command.params for option in param.opts}
    assert options >= {"--store", "--json", "--offline", "--quiet", "--verbose", "--color"}


@pytest.mark.parametrize("name", VERBS)
def test_examples_parse(name):
    """Each example names this program and verb, and its arguments and options exist."""
    for example in _command(name).examples:
        words = shlex.split(re.split(r" && | > | \| ", example)[0])
        assert words[0] == "drdoctl"
        command = _command(words[1])
        command.make_context(words[1], words[2:], resilient_parsing=False)


def test_no_arguments_show_help_and_exit_2(capsys):
    """As a usage error: help on stderr, nothing on stdout."""
    assert run([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Exit codes" in err


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_data(flag, capsys):
    """Help that is asked for goes to stdout and is no error."""
    assert run([flag]) == 0
    assert run(["check", flag]) == 0
    assert "Examples" in capsys.readouterr().out
