"""The data stage's work: read, check, tokenise, choose, write. Rows stream through; only marks stay in memory."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.errors import UserError
from drdoctl.core.files import disk_errors, write_json
from drdoctl.core.progress import AFRESH, Progress
from drdoctl.data import EVAL_FRACTION
from drdoctl.data._choose import JUDGES, drawn, first_of_each, held_out
from drdoctl.data._ledger import Ledger
from drdoctl.data._pick import Pairs, pick
from drdoctl.data._read import Request, load_renderers, read_parts
from drdoctl.data._render import Renderer
from drdoctl.data._report import part_figures, raise_no_rows
from drdoctl.data._spool import Spool
from drdoctl.data._work import WorkIds, work_value
from drdoctl.data._write import Picked, write_pairs, write_prompts, write_sft

if TYPE_CHECKING:
    import numpy as np

IN_EVAL = "in-eval"
MUCH_SHARED = 0.5
"""Share of the training rows read whose prompts are evaluated too, above which the user is told while it runs."""


def build(request: Request) -> None:
    """Write the data artifact. Raises DrdoError, or StopRequested after which the stage starts afresh."""
    work = Path(request.out, "work")
    shutil.rmtree(work, ignore_errors=True)
    source = request.source()
    renderers = load_renderers(request, source)
    ledger = Ledger(skip=request.data["bad_rows"] == "skip")
    with disk_errors(work):
        spools = read_parts(request, source, renderers, ledger, work)
    ledger.raise_faults()
    sides = _sides(request, spools, ledger)
    _warn_of_overlap(request, ledger)
    seed = request.settings["seed"]
    pairs = Pairs(sides.train.marks, sides.rows, WorkIds(sides.train.path, sides.rows))
    training = pick(request, pairs, ledger)
    evaluation = drawn(sides.eval.marks.numpy("ident"), sides.eval_rows, request.data["max_eval_rows"], seed)
    if request.data.get("judge_fraction") is not None and not len(sides.judge_rows):
        hint = "leave `data.judge_fraction` out, and name a finished reward model as judge"
        raise UserError("one training prompt cannot be shared with judges", code="no-rows", hint=hint)
    if not len(evaluation) and "eval" in spools:
        raise_no_rows("eval", ledger, request.data)
    if "prompts" in spools and not len(spools["prompts"].marks):
        raise_no_rows("prompts", ledger, request.data)
    report = _write(request, spools, ledger, renderers, Chosen(sides, training.rows, evaluation, training.flipped))
    for part in ledger.read:
        report["parts"][part].update(ledger.as_dict(part) | {"kept": report["parts"][part]["rows"]})
    held = Pairs(sides.eval.marks, evaluation, WorkIds(sides.eval.path, evaluation))
    found = {"train": training.statistics, "eval": request.choose([], held.columns(), seed).table}
    write_json(Path(request.out, "report.json"), report | {"split": training.records, "statistics": found})
    shutil.rmtree(work)


@dataclass(frozen=True)
class Sides:
    """Which rows may be trained on and which are for evaluation."""

    train: Spool
    rows: np.ndarray
    """Indices into `train`."""
    eval: Spool
    eval_rows: np.ndarray
    """Indices into `eval`, which is `train` where prompts are held out."""
    judge_rows: np.ndarray
    """Indices into `train`: what only judges learn from, on neither side."""


@dataclass(frozen=True)
class Chosen:
    """The sides, and what is left of them."""

    sides: Sides
    train: np.ndarray
    eval: np.ndarray
    flipped: np.ndarray | None
    """Which labels of `train` were turned round, where the split has a step that does so."""


def _sides(request: Request, spools: dict[str, Spool], ledger: Ledger) -> Sides:
    """Part training from evaluation, so that no prompt is on both sides."""
    import numpy as np

    train = spools["train"]
    prompts = train.marks.numpy("prompt")
    if "eval" in spools:
        evaluation, eval_rows = spools["eval"], np.arange(len(spools["eval"].marks))
        out = np.zeros(len(prompts), dtype=bool)
        taken = evaluation.marks.numpy("prompt")
    else:
        out = held_out(prompts, request.data["eval_fraction"] or EVAL_FRACTION, request.settings["seed"])
        evaluation, eval_rows = train, np.flatnonzero(out)
        taken = prompts[out]
    if "prompts" in spools:
        taken = np.concatenate([taken, spools["prompts"].marks.numpy("prompt")])
    seen = np.isin(prompts, taken) & ~out
    if seen.any():
        ledger.drop("train", IN_EVAL, work_value(train.path, "where", int(np.flatnonzero(seen)[0])), int(seen.sum()))
    rest = np.flatnonzero(~out & ~seen)
    fraction, apart = request.data.get("judge_fraction"), np.zeros(len(rest), dtype=bool)
    if fraction is not None:
        apart = held_out(prompts[rest], fraction, request.settings["seed"], JUDGES)
    return Sides(train, rest[~apart], evaluation, eval_rows, rest[apart])


def _warn_of_overlap(request: Request, ledger: Ledger) -> None:
    """Tell the user where so many training rows share prompts with the evaluation part that files look mixed up."""
    shared, read = ledger.tally("train").dropped.get(IN_EVAL, 0), ledger.read["train"]
    if shared <= MUCH_SHARED * read:
        return
    progress = Progress(request)
    progress.note(
        f"{shared:,} of {read:,} training rows have prompts that are also evaluated, and are left out; "
        "look whether `data.source` names the same pairs for training and for evaluation"
    )
    progress.update(read, read, unit=AFRESH)


def _write(
    request: Request,
    spools: dict[str, Spool],
    ledger: Ledger,
    renderers: dict[str, Renderer],
    chosen: Chosen,
) -> dict[str, Any]:
    """Write the Parquet files; return the report."""
    import numpy as np

    out, who, sides = Path(request.out), list(renderers), chosen.sides
    shas = {
        "train": write_pairs(Picked(sides.train.path, chosen.train, chosen.flipped), out / "train.parquet", who),
        "eval": write_pairs(Picked(sides.eval.path, chosen.eval), out / "eval.parquet", who),
    }
    parts = {"train": (sides.train, chosen.train), "eval": (sides.eval, chosen.eval)}
    if len(sides.judge_rows):
        shas["judge"] = write_pairs(Picked(sides.train.path, sides.judge_rows), out / "judge.parquet", who)
        parts["judge"] = (sides.train, sides.judge_rows)
    source = spools.get("prompts", sides.eval)
    rows = np.arange(len(source.marks)) if "prompts" in spools else chosen.eval
    unique = first_of_each(source.marks.numpy("prompt"), rows, source.marks.numpy("has_reference"))
    write_prompts(Picked(source.path, unique), out / "prompts.parquet", who)
    parts["prompts"] = (source, unique)
    imitated = _imitated(request, spools, ledger, chosen, source)
    if imitated is not None:
        write_sft(Picked(imitated[0].path, imitated[1]), out / "sft.parquet", reference="sft" not in spools)
        parts["sft"] = imitated
    report: dict[str, Any] = {
        "tokenizers": {name: renderer.describe() for name, renderer in renderers.items()},
        "parts": {name: part_figures(spool.marks, rows) for name, (spool, rows) in parts.items()},
        "sha256_of_ids": shas,
    }
    return report


def _imitated(
    request: Request,
    spools: dict[str, Spool],
    ledger: Ledger,
    chosen: Chosen,
    prompts: Spool,
) -> tuple[Spool, np.ndarray] | None:
    """Return the rows of `sft.parquet`: demonstrations, or one reference a training prompt; None: the pairs serve."""
    import numpy as np

    if "sft" in spools:
        spool = spools["sft"]
        judged = chosen.sides.train.marks.numpy("prompt")[chosen.sides.judge_rows]
        held = chosen.sides.eval.marks.numpy("prompt")[chosen.eval]
        taken = np.concatenate([held, prompts.marks.numpy("prompt"), judged])
        rows = np.flatnonzero(~np.isin(spool.marks.numpy("prompt"), taken))
        if len(rows) < len(spool.marks):
            ledger.drop("sft", IN_EVAL, "", len(spool.marks) - len(rows))
        if not len(rows):
            raise_no_rows("sft", ledger, request.data)
        return spool, rows
    if request.settings.get("student.sft.rows") != "reference":
        return None
    marks = chosen.sides.train.marks
    rows = chosen.train[marks.numpy("has_reference")[chosen.train]]
    if not len(rows):
        raise UserError(
            "`student.sft.rows: reference` needs references, and no training row has one",
            code="no-references",
            hint="set `student.sft.rows: chosen`, or name the column: `data.columns: {reference: NAME}`",
        )
    return chosen.sides.train, first_of_each(marks.numpy("prompt"), rows, marks.numpy("has_reference"))
