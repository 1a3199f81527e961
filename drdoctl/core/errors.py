"""The faults that reach a user: what is wrong, where, and the command that mends it.

Every error a user can cause is a `DrdoError` holding one or more `Fault`s, so that all faults of a
file are shown at once. The class decides the exit code; `cli` renders, nobody else prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Where:
    """A place a user can open: a file (or `--set KEY`), 1-based line and column, and the source line itself."""

    file: str
    line: int | None = None
    column: int | None = None
    text: str | None = None

    def __str__(self) -> str:
        """Return the place as editors and terminals link it: `file:line:column`."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. `code` is stable (scripts match on it), `hint` holds the remedy."""

    code: str
    message: str
    where: Where | None = None
    hint: str | None = None


class DrdoError(Exception):
    """Base of all errors shown without a traceback. `exit_code` follows the contract."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str | Sequence[Fault],
        *,
        code: str = "error",
        where: Where | None = None,
        hint: str | None = None,
    ) -> None:
        """Take one message (with its code, place and hint), or a sequence of ready-made faults."""
        self.faults = [Fault(code, message, where, hint)] if isinstance(message, str) else list(message)
        super().__init__("; ".join(fault.message for fault in self.faults))


class StageFailed(DrdoError):
    """A stage stopped: the machine, the numbers or the code failed, not the user's input."""

    exit_code = 1


class UserError(DrdoError):
    """Wrong usage, spec or data."""

    exit_code = 2


class ZooError(DrdoError):
    """Network, permission or zoo."""

    exit_code = 4


class NetworkError(DrdoError):
    """A server that a spec names does not answer, or refuses; to the parent of a stage, the same as `ZooError`."""

    exit_code = 4


class IntegrityError(DrdoError):
    """A hash or a manifest does not match what is on disk."""

    exit_code = 5


class Refused(DrdoError):
    """What is there does not allow it: a stale plan, a held store, work in progress of another form."""

    exit_code = 6


def error_class(exit_code: int) -> type[DrdoError]:
    """Return the class that a child's exit code stands for; `StageFailed` for any other."""
    classes: tuple[type[DrdoError], ...] = (UserError, ZooError, IntegrityError, Refused)
    return next((cls for cls in classes if cls.exit_code == exit_code), StageFailed)


class Stopped(DrdoError):
    """Stopped by a signal after a checkpoint; the same command goes on. The code depends on the signal."""

    def __init__(self, message: str, *, exit_code: int, hint: str | None = None) -> None:
        """`exit_code`: 130 SIGINT, 143 SIGTERM, 129 SIGHUP, 75 SIGUSR1 (to be requeued; 1 where that is in vain)."""
        super().__init__(message, code="stopped", hint=hint)
        self.exit_code = exit_code  # type: ignore[misc]  # the signal decides, not the class
