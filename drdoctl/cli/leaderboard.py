"""`drdoctl leaderboard`: win rates from AlpacaEval's annotation files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.errors import Fault, UserError
from drdoctl.core.suggest import did_you_mean

if TYPE_CHECKING:
    from drdoctl.data._annotations import Annotation, Annotations, Match

EXAMPLES = (
    "drdoctl leaderboard annotations.json",
    "drdoctl leaderboard annotations-*.jsonl.gz --outputs outputs.json --json",
)
Lengths = dict[str, dict[bytes, int]]
"""Model -> instruction's digest -> characters of its output."""
COLUMNS = ("model", "win rate", "s.e.", "discrete", "like length", "wins", "losses", "ties", "length")


@verb("leaderboard", *EXAMPLES)
@click.argument("files", metavar="ANNOTATIONS...", nargs=-1, required=True)
@click.option(
    "--outputs",
    multiple=True,
    metavar="FILE",
    help="Model outputs: lengths are then of all outputs, not only of judged ones. Repeatable.",
)
@shared()
def command(options: Options, files: tuple[str, ...], outputs: tuple[str, ...]) -> None:
    """Rank models by the win rates in AlpacaEval's annotation files.

    ANNOTATIONS (JSON, JSON lines or Parquet, gzipped or not) hold `instruction`, `output_1`, `generator_1`,
    `output_2`, `generator_2`, `preference` (1 to 2; 0 or 1.5 is a tie) and `annotator`, of one model or of many. Win
    rates, in per cent, are those of the model in `generator_2`, as AlpacaEval's leaderboard has them.

    Another program gets a line a model: the table's columns, then the baseline and the judge, between tabs.
    """
    found, lengths = _read(files, outputs)
    _refuse_strangers(lengths, found)
    boards: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for match, rows in found.matches.items():
        own = lengths.get(match.model)
        boards.setdefault((match.annotator, match.baseline), []).append(_row(match, rows, own))
    for models in boards.values():
        models.sort(key=lambda row: (-(row["win_rate"] or 0.0), row["model"]))
    if found.repeated:
        what = "1 row stands twice and was" if found.repeated == 1 else f"{found.repeated:,} rows stand twice and were"
        options.console.info(f"{what} counted once")
    _print(options, boards)


def _read(files: tuple[str, ...], outputs: tuple[str, ...]) -> tuple[Annotations, Lengths]:
    """Return what all files hold. Raises UserError naming what is wrong with either kind."""
    from drdoctl.data._annotations import Annotations, read_annotations, read_lengths

    found, lengths, faults = Annotations({}), {}, []
    try:
        found = read_annotations(files)
    except UserError as error:
        faults += error.faults
    try:
        lengths = read_lengths(outputs) if outputs else {}
    except UserError as error:
        faults += error.faults
    if faults:
        raise UserError(faults)
    return found, lengths


def _refuse_strangers(lengths: Lengths, found: Annotations) -> None:
    """Raise UserError for outputs of models that no annotation names: they would change nothing."""
    known = [name for match in found.matches for name in (match.model, match.baseline)]
    faults = [
        Fault(
            "no-effect",
            f"no annotation names `{generator}`, whose outputs are given",
            hint=did_you_mean(generator, known) or "leave its file out of `--outputs`",
        )
        for generator in lengths
        if generator not in known
    ]
    if faults:
        raise UserError(faults)


def _row(match: Match, rows: list[Annotation], lengths: dict[bytes, int] | None) -> dict[str, Any]:
    from drdoctl.evals._leaderboard import like_length, standing

    preferences, ours = [row.preference for row in rows], [row.length_2 for row in rows]
    judged = [size for size, preference in zip(ours, preferences, strict=True) if preference is not None]
    counted = list(lengths.values()) if lengths else judged
    return {
        "model": match.model,
        **standing(preferences),
        **like_length(preferences, ours, [row.length_1 for row in rows]),
        "n_unjudged": len(rows) - len(judged),
        # AlpacaEval cuts the mean off
        "avg_length": sum(counted) // len(counted) if counted else None,
    }


def _print(options: Options, boards: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    if options.json:
        plain = [
            {"annotator": annotator, "baseline": baseline, "models": models}
            for (annotator, baseline), models in boards.items()
        ]
        options.console.json({"format": 1, "leaderboards": plain})
        return
    if not sys.stdout.isatty():  # another program reads lines of one shape
        lines = [[*_cells(row), *board[::-1]] for board, models in boards.items() for row in models]
        options.console.table((), lines)
        return
    for (annotator, baseline), models in boards.items():
        options.console.info(f"against {baseline}, judged by {annotator or 'an unnamed annotator'}; in per cent")
        options.console.table(COLUMNS, [_cells(row) for row in models])


def _cells(row: dict[str, Any]) -> list[str]:
    shares = [row[name] for name in ("win_rate", "standard_error", "discrete_win_rate", "win_rate_like_length")]
    counts = [row[name] for name in ("n_wins", "n_wins_base", "n_draws", "avg_length")]
    return [
        row["model"],
        *("-" if share is None else f"{share:.2f}" for share in shares),
        *("-" if count is None else f"{count:,}" for count in counts),
    ]
