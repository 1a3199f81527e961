"""Datasets on the Hugging Face Hub, read through `datasets` in the child that needs them."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.core.errors import ZooError
from drdoctl.data._files import Record


def hub_records(name: str, revision: str | None, config: str | None, split: str) -> Iterator[Record]:
    """Yield the records of one split of a Hub dataset, in its order; a `split` that ends in `.json` is a file of it.

    Raises ZooError where the Hub cannot be reached or has no such dataset and the local cache does not hold it.
    """
    import datasets

    datasets.disable_progress_bars()
    try:
        if split.endswith(".json"):
            file = f"hf://datasets/{name}{f'@{revision}' if revision else ''}/{split}"
            rows = datasets.load_dataset("json", data_files=file, split="train")
        else:
            rows = datasets.load_dataset(name, config, split=split, revision=revision)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ZooError(
            f"cannot read dataset `{name}` from the Hub: {reason}",
            code="hub-dataset",
            hint=f"try again with the network up, or name local files: `data.source: {{name: …, path: FILE}}` "
            f"(the Hub's files: `hf download {name} --repo-type dataset`)",
        ) from error
    for number, record in enumerate(rows, start=1):
        yield Record(f"{name}/{split}", number, record)
