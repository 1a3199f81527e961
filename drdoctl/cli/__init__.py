"""The command line. This folder is the registry: `cli/VERB.py` defines `command`, and is imported only when used."""

from __future__ import annotations

import errno
import importlib
import keyword
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import click
from click.shell_completion import shell_complete

from drdoctl import __version__
from drdoctl.cli.console import Console
from drdoctl.cli.options import HELP, TYPED, as_typed
from drdoctl.core.errors import DrdoError, Fault
from drdoctl.core.suggest import did_you_mean

GROUPS = {
    "Start": ("init", "check"),
    "Run": ("plan", "apply", "status", "report", "doctor"),
    "Zoo": ("ls", "show", "pull", "push", "verify", "score", "import", "export"),
    "Tools": ("leaderboard", "gc", "schema"),
}
FRAME = {"console", "options", "render"}
"""Modules of this folder that are no verbs."""
EXIT_CODES = (
    ("0", "ok"),
    ("1", "a stage failed"),
    ("2", "wrong usage, spec or data"),
    ("3", "changes pending (plan --detailed-exitcode)"),
    ("4", "network, permission or zoo"),
    ("5", "integrity: a hash or a manifest does not match"),
    ("6", "refused: a stale plan, a store that is held, work that another form began"),
    ("75", "checkpointed and to be requeued (SIGUSR1)"),
    ("129", "stopped by SIGHUP, a closed terminal; the same command goes on"),
    ("130", "stopped by Ctrl-C; the same command goes on"),
    ("143", "stopped by SIGTERM; the same command goes on"),
)
PATHS = (errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR)
"""What makes a path one that cannot be used: the user's to mend."""
MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""What a disk does of itself."""
SIGPIPE_EXIT = 141
"""What a shell reports for a program that SIGPIPE ended."""


class Verbs(click.Group):
    """The verbs by file, grouped in help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # click's signature
        """Return the verbs whose files are there, in the order of the help."""
        there = {path.stem.removesuffix("_") for path in Path(__file__).parent.glob("[a-z]*.py")} - FRAME
        grouped = [name for names in GROUPS.values() for name in names if name in there]
        return grouped + sorted(there - set(grouped))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name  # `import` is no name for a module
        found = importlib.import_module(f"drdoctl.cli.{module}").command
        return found if isinstance(found, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group."""
        there = self.list_commands(ctx)
        width = max(len(name) for name in there)
        known = {name for names in GROUPS.values() for name in names}
        groups = {**GROUPS, "More": tuple(name for name in there if name not in known)}
        for title, names in groups.items():
            rows = [(name.ljust(width), self._headline(ctx, name)) for name in names if name in there]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # click's
        """Write the exit codes."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(code.ljust(3), meaning) for code, meaning in EXIT_CODES])

    def _headline(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=80) if command else ""


@click.group(
    cls=Verbs,
    invoke_without_command=False,
    no_args_is_help=True,
    context_settings=HELP,
)
@click.version_option(__version__, "--version", prog_name="drdoctl", message="%(prog)s %(version)s")
def group() -> None:
    """Align language models by reward distillation.

    A spec (YAML) compiles to a staged plan; `apply` carries it out, and the same command resumes it.
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with the contract's code. Shells ask for completions with `_DRDOCTL_COMPLETE`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if asked := os.environ.get("_DRDOCTL_COMPLETE"):
        sys.exit(shell_complete(group, {}, "drdoctl", "_DRDOCTL_COMPLETE", asked))
    code = run(sys.argv[1:] if argv is None else argv)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _reader_gone()
    sys.exit(code)


def run(argv: list[str]) -> int:
    """Run one command line and return its exit code. Errors are shown, never raised."""
    root = click.Context(group, info_name="drdoctl")
    try:
        with group.make_context("drdoctl", list(argv), parent=None) as root:
            root.meta[TYPED] = tuple(argv)
            result = group.invoke(root)
        code = result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = 2
    except click.exceptions.Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = 130
    except BrokenPipeError:
        code = _reader_gone()
    except click.ClickException as error:
        _console(root, argv).error(_usage_fault(error))
        code = 2
    except DrdoError as error:
        _console(root, argv).errors(error)
        code = error.exit_code
    except OSError as error:
        fault = _file_fault(error)
        if fault is None:
            _internal_error(_console(root, argv), error, argv)
        else:
            _console(root, argv).error(fault)
        code = 1 if fault is None or error.errno in MACHINE else 2
    except Exception as error:  # noqa: BLE001  # the last place that can turn a bug into one line
        _internal_error(_console(root, argv), error, argv)
        code = 1
    return code


def _usage_fault(error: click.ClickException) -> Fault:
    message, _, _ = error.format_message().replace("'", "`").partition(" (")
    message = message.split(". Did you mean")[0].rstrip(".")
    where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "drdoctl"
    wrong = [*message.split("`"), ""][1]
    known = getattr(error, "possibilities", None) or ()
    if message.startswith("No such command") and isinstance(error, click.UsageError) and error.ctx is not None:
        known = group.list_commands(error.ctx)
    meant = did_you_mean(wrong, known)
    guess = f"{meant} See" if meant else "see"
    return Fault("usage", message[:1].lower() + message[1:], hint=f"{guess} `{where} --help`")


def _file_fault(error: OSError) -> Fault | None:
    """Return the fault where a path, or the machine under it, is to blame and not drdoctl."""
    if error.filename is None or error.errno not in (*MACHINE, *PATHS):
        return None
    name = str(error.filename)
    shown = name if len(name) <= 100 else name[:100] + "…"
    reason = (error.strerror or "it cannot be opened").lower()
    hint = "make room, or mend the disk" if error.errno in MACHINE else "give another path, or mend its permissions"
    return Fault("file", f"cannot use `{shown}`: {reason}", hint=hint)


def _internal_error(console: Console, error: Exception, argv: list[str]) -> None:
    """Say in one line that drdoctl itself is wrong; `-v` adds the traceback."""
    verbose = console.verbose
    text = " ".join(str(error).split())
    hint = (
        "this is a bug in drdoctl: report it with the traceback"
        if verbose
        else f"`{as_typed(argv, '-v')}` shows the traceback"
    )
    console.error(Fault("internal", f"internal error: {type(error).__name__}: {text}", hint=hint))
    if console.verbose:
        traceback.print_exception(error, file=sys.stderr)


def _console(root: click.Context, argv: list[str]) -> Console:
    """Return the console that the verb made, or one from the bare arguments where it did not get that far."""
    made: Any = root.obj
    if isinstance(made, Console):
        return made
    return Console(as_json="--json" in argv, verbose="-v" in argv or "--verbose" in argv)


def _reader_gone() -> int:
    """Leave quietly where whoever read stdout has closed it: what is still buffered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return SIGPIPE_EXIT
