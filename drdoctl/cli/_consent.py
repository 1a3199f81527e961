"""A yes before something is done that cannot be undone for nothing."""

from __future__ import annotations

from drdoctl.cli.options import Options
from drdoctl.core.errors import UserError

DECLINED = 1
"""Exit code of a verb that was told no."""


def require_someone_to_ask(options: Options, verb: str, hint: str) -> None:
    """Raise UserError where nobody could answer."""
    if options.json or not options.console.interactive:
        raise UserError(f"`{verb}` needs a yes, and there is nobody to ask", code="no-prompt", hint=hint)


def agreed(options: Options, question: str) -> bool:
    """Ask, and return whether the answer was the whole word."""
    return options.console.ask(f"{question} Only `yes` is taken:") == "yes"
