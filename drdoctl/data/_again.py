"""The second half of a divided split: pairs that an oracle has scored, chosen from once more.

Reads a finished data artifact and its rewards, applies the steps that are left, and writes a complete data artifact:
what no step touches (held-out pairs, prompts, demonstrations, tokenizers) is linked, or copied where that cannot be.
"""

from __future__ import annotations

import shutil
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.commands import quoted
from drdoctl.core.errors import IntegrityError
from drdoctl.core.files import disk_errors, read_json, write_json
from drdoctl.core.progress import check_stop
from drdoctl.data._ledger import Ledger
from drdoctl.data._marks import Marks, hash_text
from drdoctl.data._pick import Pairs, Training, pick
from drdoctl.data._report import part_figures
from drdoctl.data._work import WorkIds
from drdoctl.data._write import FLIPPED, Picked, write_pairs, write_sft

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pyarrow as pa

    from drdoctl.data._read import Request

TRAIN, SFT, REPORT = "train.parquet", "sft.parquet", "report.json"
LENGTHS = ("prompt", "chosen", "rejected")


@dataclass(frozen=True)
class Scored:
    """Where the pairs and the oracle's rewards of them lie."""

    data: Path
    """A data artifact."""
    rewards: Path
    """A rewards artifact of one oracle over those pairs."""


def build_again(request: Request, scored: Scored) -> None:
    """Write the data artifact. Raises DrdoError, or StopRequested after which the stage starts afresh."""
    import numpy as np

    check_stop(request)
    out = Path(request.out)
    marks, before = _marks(scored.data / TRAIN)
    rows = np.arange(len(marks))
    pairs = Pairs(marks, rows, WorkIds(scored.data / TRAIN, rows), before, _margins(scored))
    ledger = Ledger(skip=True)
    ledger.read["train"] = len(marks)
    training = pick(request, pairs, ledger)
    report = dict(read_json(scored.data / REPORT) or {})
    with disk_errors(out):
        sha = write_pairs(_picked(scored.data / TRAIN, training, before), out / TRAIN, list(report["tokenizers"]))
        _link(scored.data, out)
        figures = dict(report["parts"])
        if (scored.data / SFT).exists():
            figures["sft"] = _imitated(request, scored.data, out, (marks, training.rows), figures["sft"])
    figures["train"] = _figures(figures["train"], part_figures(marks, training.rows), ledger)
    write_json(out / REPORT, report | _report(report, training, figures, sha))


def _picked(path: Path, training: Training, before: np.ndarray | None) -> Picked:
    flipped = training.flipped
    again = flipped if before is None or flipped is None else flipped ^ before[training.rows]
    return Picked(path, training.rows, flipped, again)


def _report(report: dict[str, Any], training: Training, figures: dict[str, Any], sha: str) -> dict[str, Any]:
    """Return what is new in the report: the records and statistics go on where those of the first stage end."""
    known = report["statistics"]
    return {
        "parts": figures,
        "sha256_of_ids": {**report["sha256_of_ids"], "train": sha},
        "split": [*report["split"], *training.records],
        "statistics": {**known, "train": [*known["train"], *training.statistics[1:]]},
    }


def _figures(old: dict[str, Any], new: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    """Return a part's figures with what was dropped in both stages."""
    dropped = dict(old.get("dropped", {}))
    for name, count in ledger.tally("train").dropped.items():
        dropped[name] = dropped.get(name, 0) + count
    return {**old, **new, "dropped": dropped, "kept": new["rows"]}


def _groups(path: Path, columns: list[str]) -> Iterator[pa.Table]:
    """Yield some columns of a file, one row group at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=columns)


def _marks(path: Path) -> tuple[Marks, np.ndarray | None]:
    """Return what choices are made from, and which labels were turned round before (None: there is no such mark)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    marks, turned = Marks(), array("b")
    marked = FLIPPED in pq.read_schema(path).names
    numbers = ["confidence", "edit_distance", "score_chosen", "score_rejected"]
    names = ["id", "prompt", "reference", *numbers, *(f"student_{name}" for name in LENGTHS)]
    for table in _groups(path, [*names, *([FLIPPED] if marked else [])]):
        marks.ident.extend(map(hash_text, table.column("id").to_pylist()))
        marks.prompt.extend(map(hash_text, table.column("prompt").to_pylist()))
        values = {name: table.column(name).cast(pa.float64()).fill_null(float("nan")).to_numpy() for name in numbers}
        values["score_margin"] = values["score_chosen"] - values["score_rejected"]
        for name in ("confidence", "edit_distance", "score_margin"):
            getattr(marks, name).frombytes(values[name].tobytes())
        for name in LENGTHS:
            counts = pc.list_value_length(table.column(f"student_{name}")).to_numpy()
            getattr(marks, f"{name}_tokens").frombytes(counts.astype(np.int32).tobytes())
        marks.has_reference.extend(table.column("reference").is_valid().to_pylist())
        if marked:
            turned.extend(table.column(FLIPPED).to_pylist())
    return marks, np.frombuffer(turned, dtype=bool) if marked else None


def _margins(scored: Scored) -> np.ndarray:
    """Return the oracle's margin of every pair. Raises IntegrityError where the rewards are of other pairs."""
    import numpy as np

    found = array("d")
    ids = (name for table in _groups(scored.data / TRAIN, ["id"]) for name in table.column("id").to_pylist())
    for table in _groups(scored.rewards / TRAIN, ["id", "chosen_0", "rejected_0"]):
        if any(name != next(ids, None) for name in table.column("id").to_pylist()):
            break
        chosen, rejected = (table.column(name).to_numpy().astype(np.float64) for name in ("chosen_0", "rejected_0"))
        found.frombytes((chosen - rejected).tobytes())
    else:
        if next(ids, None) is None:
            return np.frombuffer(found, dtype=np.float64)
    raise IntegrityError(
        f"the rewards in `{scored.rewards}` are not of the pairs in `{scored.data}`",
        code="other-rows",
        hint=f"`drdoctl verify {quoted(scored.rewards)}` tells whether its files were changed",
    )


def _link(source: Path, out: Path) -> None:
    """Put the files that stay as they are into the new artifact: other pairs and prompts, and tokenizers."""
    pairs = [path for path in source.glob("*.parquet") if path.name not in (TRAIN, SFT)]
    for path in sorted([*pairs, *(path for path in source.glob("tokenizer/**/*") if path.is_file())]):
        place(path, out / path.relative_to(source))


def place(path: Path, to: Path) -> None:
    """Link a file of a finished artifact, which nobody writes to any more; copy it where it cannot be linked."""
    to.parent.mkdir(parents=True, exist_ok=True)
    to.unlink(missing_ok=True)
    try:
        to.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, to)


def _imitated(
    request: Request, source: Path, out: Path, training: tuple[Marks, np.ndarray], figures: dict[str, Any]
) -> dict[str, Any]:
    """Put `sft.parquet` in place; return its figures. References are those of the prompts that are trained on."""
    if request.settings.get("student.sft.rows") != "reference":
        place(source / SFT, out / SFT)
        return figures
    import numpy as np

    marks, rows = training
    mine = Marks()
    for table in _groups(source / SFT, ["prompt", "student_prompt", "student_chosen"]):
        mine.prompt.extend(map(hash_text, table.column("prompt").to_pylist()))
        mine.prompt_tokens.extend(map(len, table.column("student_prompt").to_pylist()))
        mine.chosen_tokens.extend(map(len, table.column("student_chosen").to_pylist()))
    mine.rejected_tokens.extend([0] * len(mine))
    for name in ("confidence", "edit_distance"):
        getattr(mine, name).extend([float("nan")] * len(mine))
    kept = np.flatnonzero(np.isin(mine.numpy("prompt"), marks.numpy("prompt")[rows]))
    write_sft(Picked(source / SFT, kept), out / SFT, reference=False)
    return {**figures, **part_figures(mine, kept)}
