"""Points of one quantity against another: what a student learnt of the oracle, what the oracle knows of the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from drdoctl.core.parts import Model
from drdoctl.core.statistics import pearson, share_above
from drdoctl.core.words import ORACLE, TEST
from drdoctl.evals.pair_accuracy import margins
from drdoctl.report.samples import Way
from drdoctl.report.ways import is_start

if TYPE_CHECKING:
    import numpy as np

SHOWN = 250
"""Points of a cloud at most: more would hide one another."""


class Cloud(Model):
    """One student's points."""

    kind: Literal["pairs", "responses"]
    """`pairs`: margins of held-out pairs, the student's against the oracle's; `responses`: scores of samples."""
    student: str
    """Label."""
    x: str
    """What runs across: `oracle`."""
    y: str
    """What runs up: of pairs `implicit` or, without a reference, `logp`; of responses a judge: `truth` or its name."""
    count: int
    """Pairs or responses of which both are known."""
    correlation: float | None
    """Pearson's r over all of them; null where one does not vary."""
    agreement: float | None
    """Of pairs: the share whose margins have the same sign, ties counting half; null for responses."""
    points: list[tuple[float, float]]
    """x and y of a seeded draw of at most 250 of them."""


def clouds(folders: Mapping[str, Path], groups: Mapping[str, Way], judges: Mapping[str, str], seed: int) -> list[Cloud]:
    """Return the clouds of all students, those of pairs first.

    `folders`: label -> evaluate artifact; `groups`: label -> samples of one way; `judges`: judge -> its column.
    A start model has no implicit rewards, they are measured from it; the logged responses are nobody's.
    """
    found = [
        row for label, folder in folders.items() if not is_start(label) for row in pair_clouds(label, folder, seed)
    ]
    for label, responses in groups.items():
        if label in folders:
            found += response_clouds(label, responses, judges, seed)
    return found


def pair_clouds(label: str, folder: Path, seed: int) -> Iterator[Cloud]:
    """Yield the cloud of margins of one evaluate artifact, where it holds the student's and the oracle's.

    Where pairs are divided into validation and test, those of the test.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = folder / "pairs.parquet"
    if not path.exists():
        return
    table = pq.read_table(path)
    if "part" in table.column_names:
        table = table.filter(pc.equal(table["part"], TEST))
    found = margins({name: table[name].to_numpy() for name in table.column_names if name not in ("id", "part")})
    student = next((name for name in ("implicit", "logp") if name in found), None)
    if student is not None and ORACLE in found:
        yield from _cloud("pairs", label, (ORACLE, found[ORACLE]), (student, found[student]), seed)


def response_clouds(label: str, responses: Way, judges: Mapping[str, str], seed: int) -> Iterator[Cloud]:
    """Yield the clouds of one student's samples of one way: each judge's scores against the oracle's.

    `judges`: judge -> its column of scores.
    """
    x = responses.numbers(ORACLE)
    for judge, column in judges.items():
        y = responses.numbers(column)
        if judge != ORACLE and x is not None and y is not None:
            read = responses.read
            yield from _cloud("responses", label, (ORACLE, x[read]), (judge, y[read]), seed)


def _cloud(
    kind: Literal["pairs", "responses"], label: str, x: tuple[str, np.ndarray], y: tuple[str, np.ndarray], seed: int
) -> Iterator[Cloud]:
    import numpy as np

    table = np.stack([np.asarray(x[1], dtype=np.float64), np.asarray(y[1], dtype=np.float64)], axis=1)
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < 2:
        return
    # the sign of one: a product of two small margins would look like a tie
    agreement = float(share_above(table[:, 1] * np.sign(table[:, 0])).mean()) if kind == "pairs" else None
    drawn = np.sort(np.random.default_rng(seed).permutation(len(table))[:SHOWN])
    yield Cloud(
        kind=kind,
        student=label,
        x=x[0],
        y=y[0],
        count=len(table),
        correlation=pearson(*table.T),
        agreement=agreement,
        points=[(float(f"{across:.5g}"), float(f"{up:.5g}")) for across, up in table[drawn]],
    )
