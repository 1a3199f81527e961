"""`{hub: ORG/NAME}`: pairs in any dataset of the Hugging Face Hub, by column names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from drdoctl.data import PartName
from drdoctl.data._files import Record
from drdoctl.data._hub import hub_records
from drdoctl.data._source import FileSource


class HubSource(FileSource):
    """A dataset on the Hub with columns for prompt, chosen and rejected (`data.columns` renames)."""

    name: Literal["hub"] = "hub"
    hub: str = Field(min_length=1)
    """The dataset's id, ORG/NAME."""
    revision: str | None = Field(default=None, min_length=1)
    """The Hub commit, tag or branch; a 40-digit commit makes the plan exact."""
    config: str | None = Field(default=None, min_length=1)
    """The dataset's configuration, where it has several."""
    train: str = Field(default="train", min_length=1)
    """The split to train on."""
    eval: str | None = Field(default=None, min_length=1)
    """The split to evaluate on; without it, `data.eval_fraction` of the prompts is held out."""

    key: ClassVar[str | None] = "hub"
    paper: ClassVar[str] = "A dataset on the Hugging Face Hub"
    columns_apply: ClassVar[bool] = True

    def paths(self) -> tuple[None, None]:
        """Return no paths: nothing is read from local files."""
        return None, None

    def hub_dataset(self) -> tuple[str, str | None]:
        """Return the dataset and its revision."""
        return self.hub, self.revision

    def has_part(self, part: PartName) -> bool:
        """Whether a split for this part is named."""
        return part == "train" or (part == "eval" and self.eval is not None)

    def records(self, part: PartName) -> Iterator[Record]:
        """Yield the records of the part's split."""
        split = {"train": self.train, "eval": self.eval}.get(part)
        if split is not None:
            yield from hub_records(self.hub, self.revision, self.config, split)
