"""Starts the processes of a plan's stages: forked from the warm one where that pays, or directly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drdoctl.engine import launch
from drdoctl.engine.ranks import Process
from drdoctl.engine.signals import Signals
from drdoctl.engine.warm import Warm
from drdoctl.stages import Job


class Starter:
    """Starts stages, one after the other, all with the same resources."""

    def __init__(self, resources: Mapping[str, Any], *, offline: bool) -> None:
        self._resources, self._offline = resources, offline
        self._warm: Warm | None = None

    def warm_up(self, kinds: Sequence[str]) -> None:
        """Start the warm process where a stage with a model will be forked from it; it imports while the first runs.

        One stage alone is forked as well, so that a stage's seconds are never those of its imports. `kinds`: of the
        stages ahead.
        """
        forked = [kind for kind in kinds if launch.can_fork(kind, self._resources)]
        if any(kind != "data" for kind in forked):
            widest = max(forked, key=lambda kind: launch.processes(kind, self._resources))
            self._warm = Warm(launch.environment(widest, self._resources, offline=self._offline))

    def start(self, folder: Path, job: Job, signals: Signals) -> Process:
        """Start a stage's process: forked from the warm one, or directly where there is none or it has died."""
        if self._warm is not None and launch.can_fork(job.kind, job.resources):
            forked = self._warm.start(folder / "job.json", job.ticket, folder / "log.txt", lambda: signals.at_once)
            if forked is not None:
                return forked
            self.close()
        return launch.start(folder, job, offline=self._offline)

    def close(self) -> None:
        """End the warm process, and with it what it forked."""
        if self._warm is not None:
            self._warm.close()
            self._warm = None
