"""What an apply shows while it works, drawn from the same events as its journal."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from drdoctl.cli._words import count, duration
from drdoctl.cli.console import Console, Progress
from drdoctl.core.errors import Fault
from drdoctl.core.progress import AFRESH
from drdoctl.engine.launch import log_tail
from drdoctl.engine.signals import leave_terminal

MANY = 24
"""With more stages than this, what stays is said once for each kind; with `-v` for every stage."""
KEEPS = {"step": " after this step, once that is saved", AFRESH: ", which keeps nothing"}
"""What a stage that counts in this unit does when it is asked to stop."""


class Live:
    """A view of one run: milestones that stay, one line that moves, and failures with the end of their log."""

    def __init__(self, console: Console, progress: Progress) -> None:
        """`progress`: where the moving line goes."""
        self.console, self.progress = console, progress
        self.order: list[str] = []
        self.left: dict[str, list[str]] = {}
        self.took: dict[str, float] = {}
        self.skipped: list[str] = []
        self.logged: dict[str, int] = {}

    def __call__(self, event: str, fields: Mapping[str, Any]) -> None:
        """Show one event; those without a method here are for the journal alone."""
        show = getattr(self, f"_{event}", None)
        if show is None:
            return
        try:
            show(fields)
        except OSError as error:  # a terminal that is gone must not end the work
            if error.errno != errno.EIO:
                raise
            leave_terminal()

    def _plan(self, fields: Mapping[str, Any]) -> None:
        ahead = [stage for stage in fields["stages"] if stage["action"] != "reuse"]
        self.order = [stage["id"] for stage in ahead]
        if len(ahead) > MANY and not self.console.verbose:
            for stage in ahead:
                self.left.setdefault(stage["kind"], []).append(stage["id"])

    def _place(self, name: str) -> str:
        number = self.order.index(name) + 1 if name in self.order else 0
        return f"[{number}/{len(self.order)}] {name}"

    def _stage_started(self, fields: Mapping[str, Any]) -> None:
        if not self.left:
            self.progress.milestone(f"{self._place(fields['id'])}: started")
        self.progress.update(f"{self._place(fields['id'])}: starting")
        with suppress(OSError):  # what earlier attempts said stays in the log, and is not said again
            self.logged[fields["id"]] = Path(fields["log"]).stat().st_size

    def _stage_resumed(self, fields: Mapping[str, Any]) -> None:
        at = count(fields["step"], fields["steps"], fields["unit"])
        self.progress.milestone(f"{self._place(fields['id'])}: goes on from {at}")

    def _stage_progress(self, fields: Mapping[str, Any]) -> None:
        parts = [count(fields["step"], fields["steps"], fields["unit"])]
        if fields["loss"] is not None:
            parts.append(f"loss {fields['loss']:.4f}")
        if fields["tokens_per_second"]:
            parts.append(f"{fields['tokens_per_second']:,.0f} tokens/s")
        if fields["seconds_left"]:
            parts.append(f"{duration(fields['seconds_left'])} left")
        self.progress.update(f"{self._place(fields['id'])}: {', '.join(parts)}")

    def _stage_finished(self, fields: Mapping[str, Any]) -> None:
        if not self.left:
            self.progress.milestone(f"{self._place(fields['id'])}: done in {duration(fields['seconds'])}")
            return
        kind = next(kind for kind, names in self.left.items() if fields["id"] in names)
        names = self.left[kind]
        names.remove(fields["id"])
        self.took[kind] = self.took.get(kind, 0.0) + fields["seconds"]
        if not names:
            count = sum(name.partition("[")[0] == kind for name in self.order)
            self.progress.milestone(f"{self._place(fields['id'])}: {count} {kind} done in {duration(self.took[kind])}")

    def _stage_failed(self, fields: Mapping[str, Any]) -> None:
        self.progress.milestone(f"{self._place(fields['id'])}: failed")
        log = Path(fields["log"])
        tail = log_tail(log, since=self.logged.get(fields["id"], 0))
        if tail:
            self.console.info("\n".join(["", *(f"  | {line}" for line in tail), f"  (the end of {log})", ""]))
        for fault in fields["faults"]:
            self.console.error(Fault(fault["code"], fault["message"], None, fault["hint"]))

    def _stage_skipped(self, fields: Mapping[str, Any]) -> None:
        self.skipped.append(fields["id"])

    def _stopping(self, fields: Mapping[str, Any]) -> None:
        keeps = KEEPS.get(fields["unit"], ", which keeps each piece it has finished")
        self.progress.milestone(
            f"{fields['signal']}: stopping `{fields['id']}`{keeps} ({fields['minutes']:g} minutes at most); "
            "press Ctrl-C again to stop at once"
        )

    def _warning(self, fields: Mapping[str, Any]) -> None:
        self.console.warning(fields["message"])
