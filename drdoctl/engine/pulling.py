"""One stage that brings a model of the zoo into the store: this process does it, and a folder in progress tells of it.

The files themselves gather in the store's cache. The folder in progress holds what any other stage's does while it
works (`job.json`, `progress.json`, `failure.json`), so that `status` and `doctor` need not know the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drdoctl.core.files import write_json
from drdoctl.core.progress import PROGRESS
from drdoctl.engine.stage import job_for
from drdoctl.stages import Want
from drdoctl.store.artifact import Store
from drdoctl.store.folder import remove

FILE = "file"
"""The unit that a pull counts in."""


class Pull:
    """A pull that is about to begin."""

    def __init__(self, store: Store, want: Want, resources: Mapping[str, Any], *, offline: bool) -> None:
        """Open the folder in progress. `resources`: the spec's, plain and whole."""
        self.store, self.want, self.resources, self.offline = store, want, resources, offline
        partial = store.partial_path(want.artifact)
        failed = (partial / "failure.json").exists()  # what a refused pull had fetched is not kept
        before = None if failed else store.partial(want.artifact)
        self.folder, resumes = store.open_partial(want)
        self._before = before["seen"] if before is not None and resumes else 0
        self._files = 0
        job = job_for(want, self.folder, store, resources, offline=offline, spent=0.0)
        write_json(self.folder / "job.json", asdict(job))

    @property
    def further(self) -> bool:
        """Whether more files have come whole than an earlier pull had: those are kept."""
        return self._files > self._before

    def bring(self, zoo: str | None, note: Callable[[str], None], follow: Callable[[Mapping[str, Any]], None]) -> Path:
        """Fetch and check what is missing; return the artifact's folder.

        `note` gets what the user must see, `follow` each progress. Raises ZooError, or IntegrityError for what is not
        as the zoo's card says.
        """
        from drdoctl.engine.probe import trust
        from drdoctl.zoo.pull import pull_into

        def whole(_name: str, _size: int) -> None:
            self._files += 1
            progress = {"step": max(self._files, self._before), "steps": 0, "unit": FILE}
            write_json(self.folder / PROGRESS, progress)
            follow(progress)

        asked = trust(self.resources, note)
        path = pull_into(self.store, self.want, zoo=zoo, offline=self.offline, report=whole, trust=asked)
        remove(self.folder)
        return path
