"""Options that every verb shares."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from drdoctl.cli.options import shared, verb


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
