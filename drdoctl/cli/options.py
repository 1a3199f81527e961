"""What every verb shares: its options, and a command class whose help ends with examples."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from drdoctl.cli.console import Color, Console

HELP: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
TYPED = "drdoctl.typed"
"""Where the contexts of a call keep its words."""


@dataclass(frozen=True)
class Options:
    """The shared options of one call, and the console made from them."""

    store: Path
    sets: tuple[str, ...]
    json: bool
    offline: bool
    quiet: bool
    verbose: bool
    console: Console
    typed: tuple[str, ...] = ()
    """The whole command line, without `drdoctl`."""
    store_typed: bool = False
    """Whether `--store` is on it: what is set in the environment, or left alone, needs no word in a hint."""

    def again(self, *more: str, without: Sequence[str] = ()) -> str:
        """Return this command line as it was typed, for a hint: see `as_typed`."""
        return as_typed(self.typed, *more, without=without)

    def line(self, *words: object, sets: bool = False) -> str:
        """Return the command line of another verb on the same store, for a hint. `sets`: of the same values too."""
        values = [word for text in self.sets for word in ("--set", text)] if sets else []
        store = ["--store", str(self.store)] if self.store_typed else []
        return shlex.join(["drdoctl", *map(str, words), *values, *store])


def as_typed(typed: Sequence[str], *more: str, without: Sequence[str] = ()) -> str:
    """Return a whole command line again, fit for a shell, with `more` options.

    `without`: long options that take a value, and are left out.
    """
    end = typed.index("--") if "--" in typed else len(typed)
    kept: list[str] = []
    words = iter(typed[:end])
    for word in words:
        if word in without:
            next(words, None)
        elif word.partition("=")[0] not in without:
            kept.append(word)
    return shlex.join(["drdoctl", *kept, *more, *typed[end:]])


class Verb(click.Command):
    """A command with examples at the end of its help."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        """`examples`: whole command lines, without the `$`."""
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.context_settings = {**HELP, **self.context_settings}

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}$ {example}\n")


def verb(name: str, *examples: str, **kwargs: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a `Verb`: the decorator that every file of this folder uses for its `command`."""
    return click.command(name, cls=Verb, examples=examples, **kwargs)


SETS: Any = click.option(
    "--set",
    "sets",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a value of the spec, such as `method.alpha=0.2`. Repeatable.",
)
STORE: Any = click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    default=".drdoctl",
    envvar="DRDOCTL_STORE",
    show_default=True,
    help="Folder of artifacts and runs (DRDOCTL_STORE).",
)


def shared(*, sets: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the shared options; the function gets an `Options` first. `sets`: `--set` too, where a spec is read."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(
            *args: Any,
            store: Path,
            as_json: bool,
            offline: bool,
            quiet: bool,
            verbose: bool,
            color: Color,
            sets: tuple[str, ...] = (),
            **kwargs: Any,
        ) -> Any:
            console = Console(as_json=as_json, quiet=quiet, verbose=verbose, color=color)
            context = click.get_current_context()
            context.find_root().obj = console
            typed = tuple(context.meta.get(TYPED, ()))
            by_hand = context.get_parameter_source("store") is ParameterSource.COMMANDLINE
            options = Options(store, tuple(sets), as_json, offline, quiet, verbose, console, typed, by_hand)
            return function(options, *args, **kwargs)

        decorated: Callable[..., Any] = call
        for option in reversed([*([SETS] if sets else []), STORE, *_FLAGS]):
            decorated = option(decorated)
        return decorated

    return wrap


_FLAGS: list[Any] = [
    click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout; errors as JSON lines on stderr."),
    click.option("--offline", is_flag=True, envvar="DRDOCTL_OFFLINE", help="Use the network for nothing."),
    click.option("-q", "--quiet", is_flag=True, help="Print only the result."),
    click.option("-v", "--verbose", is_flag=True, help="Print details, and tracebacks of internal errors."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="When to use colour."),
]
