"""One command line in this process, which may refuse whatever it reads, and may not crash."""

from __future__ import annotations

import contextlib
import io
import re

from drdoctl import cli

TAKEN = {0, 1, 2, 3, 4, 5, 6}
"""Exit codes that a command may end with."""


class Crashed(Exception):
    """A command said that it has a bug, or ended with a code that it may not."""

    def __init__(self, message: str, places: list[str]) -> None:
        """`places`: where in the project, as its traceback says."""
        super().__init__(message)
        self.places = places


def command(argv: list[str]) -> int:
    """Run one command line and return its exit code. Raises `Crashed`."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run([*argv, "-v"])
    said = err.getvalue()
    if code not in TAKEN or "internal error" in said or "Traceback" in said:
        frames = re.findall(r'/drdoctl/([\w/]+\.py)", line (\d+)', said)
        raise Crashed(f"`{argv[0]}` ends with {code}: {said[:200]}", [":".join(frame) for frame in frames[-1:]])
    return code
