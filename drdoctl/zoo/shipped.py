"""The zoo that ships with drdoctl (`shipped:`): small, in the folder `zoo/shipped`, and only to be read."""

from __future__ import annotations

from drdoctl.core.errors import UserError
from drdoctl.zoo import SHIPPED, Upload
from drdoctl.zoo.fs import FsZoo


class ShippedZoo(FsZoo):
    """The folder inside the wheel or the checkout, under a name that is the same everywhere."""

    def __init__(self) -> None:
        """Open the folder."""
        from drdoctl.shipped import shipped

        super().__init__(str(shipped("zoo") / "shipped"))
        self.location = SHIPPED

    def publish(self, name: str, upload: Upload) -> str:  # noqa: ARG002  # the interface of all zoos
        """Refuse: an update of drdoctl would sweep it away."""
        raise UserError(
            f"`zoo/{name}` cannot go into the zoo that ships with drdoctl",
            code="zoo-read-only",
            hint="name a zoo of your own: `--zoo DIR`, or `--zoo hub:ORG`",
        )
