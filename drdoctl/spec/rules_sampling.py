"""Rules about who samples: a server takes the place of drdoctl's own sampler only where something is sampled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drdoctl.core.commands import SERVE, placeholders, words
from drdoctl.core.errors import Fault
from drdoctl.spec.case import Case
from drdoctl.spec.serving import NEEDED, PLACEHOLDERS

KEY = "resources.server"


def sampled(cases: Sequence[Case]) -> Iterator[Fault]:
    """A sampler has something to sample."""
    if not any(one.samplings() or one.instructed() for case in cases for one in case.spec.evaluate):
        yield from cases[0].no_effect("sampler", "where no eval samples responses")


def server_used(cases: Sequence[Case]) -> Iterator[Fault]:
    """A server is described only where it samples."""
    first = cases[0]
    if all(case.spec.sampler != "server" for case in cases):
        yield from first.no_effect(KEY, "without `sampler: server`")
        return
    server = first.spec.resources.server
    if server.url is not None:
        yield from first.no_effect(f"{KEY}.command", f"with `{KEY}.url`")
    else:
        yield from _command(first, server.command)


def _command(case: Case, command: str) -> Iterator[Fault]:
    at, default = f"{KEY}.command", f"for instance `{SERVE}`"
    try:
        empty = not words(command)
    except ValueError:
        yield case.fault("bad-value", f"`{at}` has a quote that is not closed", at, default)
        return
    if empty:
        yield case.fault("bad-value", f"`{at}` names no program", at, default)
        return
    named = placeholders(command)
    for name in (name for name in named if name not in PLACEHOLDERS):
        known = ", ".join(f"`{{{each}}}`" for each in PLACEHOLDERS)
        yield case.fault("bad-value", f"`{at}` names `{{{name}}}`, which nothing fills in", at, f"known are {known}")
    for name in (name for name in NEEDED if name not in named):
        what = {"model": "which model to serve", "port": "where to listen"}[name]
        yield case.fault("bad-value", f"`{at}` lacks `{{{name}}}`: the server must be told {what}", at, default)


ALL = (sampled, server_used)
