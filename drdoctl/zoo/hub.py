"""The zoo on the Hub: `repositories` is what reads it, `release` what writes."""

from __future__ import annotations

from drdoctl.zoo import Upload
from drdoctl.zoo.release import Release
from drdoctl.zoo.repositories import Repositories


class HubZoo(Repositories):
    """The repositories of one organisation (or user). Satisfies `Zoo`."""

    def publish(self, name: str, upload: Upload) -> str:
        """Publish by way of a branch: see `release`."""
        return Release(self, name, upload).run()
