"""Options that every verb shares."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.cli.options import as_typed, shared, verb


def _options(argv, *, sets=False):
    seen = []

    @verb("probe", "drdoctl probe")
    @shared(sets=sets)
    def command(options):
        """Probe."""
        seen.append(options)

    command.main(argv, standalone_mode=False)
    return seen[0]


def test_defaults_and_values(monkeypatch):
    """The store is `.drdoctl`, or DRDOCTL_STORE, or `--store`, in rising order."""
    monkeypatch.delenv("DRDOCTL_STORE", raising=False)
    assert _options([]).store == Path(".drdoctl")
    monkeypatch.setenv("DRDOCTL_STORE", "elsewhere")
    assert _options([]).store == Path("elsewhere")
    options = _options(["--store", "here", "--json", "-q", "-v", "--offline"])
    assert (options.store, options.json, options.quiet, options.verbose, options.offline) == (
        Path("here"),
        True,
        True,
        True,
        True,
    )
    assert options.console.as_json


def test_set_is_repeatable_and_only_where_a_spec_is_read():
    """`--set` keeps its order; verbs without a spec do not have it."""
    assert _options(["--set", "a=1", "--set", "b=2"], sets=True).sets == ("a=1", "b=2")
    with pytest.raises(click.NoSuchOption):
        _options(["--set", "a=1"])


@given(st.lists(st.text().filter(lambda text: "\x00" not in text)))
def test_a_command_line_comes_again_as_it_was_typed(typed):
    """A shell reads the same words, whatever they hold, with the new option among the options."""
    words = shlex.split(as_typed(typed, "--force"))
    end = typed.index("--") if "--" in typed else len(typed)
    assert words == ["drdoctl", *typed[:end], "--force", *typed[end:]]


def test_a_command_line_comes_again_without_an_option():
    """An option that is left out takes its value along, however it was written."""
    typed = ["push", "a b", "--tag", "v1", "--store", "s", "--tag=v2", "--", "--tag"]
    assert as_typed(typed, without=["--tag"]) == "drdoctl push 'a b' --store s -- --tag"


def test_another_verb_gets_the_store_that_was_typed(monkeypatch):
    """A hint's command has `--store` where it was typed, not where it is set in the environment, and the values."""
    monkeypatch.setenv("DRDOCTL_STORE", "elsewhere")
    assert _options([]).line("plan", Path("my spec.yaml")) == "drdoctl plan 'my spec.yaml'"
    options = _options(["--store", "the store", "--set", "a=[1, 2]"], sets=True)
    assert options.line("apply", "plan.json") == "drdoctl apply plan.json --store 'the store'"
    assert options.line("apply", "s.yaml", sets=True) == "drdoctl apply s.yaml --set 'a=[1, 2]' --store 'the store'"
