"""The evaluate stage: sample, score and look up once what all evals of the spec need, then let each do its sums."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from drdoctl.core.errors import IntegrityError, UserError
from drdoctl.core.files import write_json
from drdoctl.core.progress import Progress
from drdoctl.evals import REFERENCE, SFT, Eval, EvalData, Samples, Sampling, evals
from drdoctl.train.chunks import Chunks
from drdoctl.train.columns import numbers, read
from drdoctl.train.judge import ORACLE, TRUTH, OracleJudge, add_truth
from drdoctl.train.models import Policy, load_policy
from drdoctl.train.notebook import stamps
from drdoctl.train.places import model_location
from drdoctl.train.respond import sample_all
from drdoctl.train.response_table import Prompts, Responses, read_responses, write_responses
from drdoctl.train.responses import Way
from drdoctl.train.rewards import write_table
from drdoctl.train.rows import TokenRows
from drdoctl.train.runtime import start
from drdoctl.train.scoring import score_batch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drdoctl.stages import Job
    from drdoctl.train.runtime import World

Pairs = dict[str, np.ndarray]

_REFERENCES = (("logps", "eval.parquet"), ("baseline", "pairs.parquet"))
"""Where the start model's log-probabilities of the held-out pairs may lie; the baseline is the start model itself."""


def label_of(job: Job) -> str:
    """Return the student's label: the part of the stage's id in brackets."""
    return job.id.partition("[")[2].rstrip("]") or "student"


def parse_evals(settings: Sequence[dict[str, Any]], locations: Mapping[str, Any] | None = None) -> list[Eval]:
    """Return the spec's evals from their plain form, with the paths of the files that they read."""
    known = evals()
    parts = [known[plain["name"]].model_validate(plain) for plain in settings]
    paths = [
        {option: (locations or {})[f"evaluate.{index}.{option}"] for option in part.files()}
        for index, part in enumerate(parts)
    ]
    return [part.model_copy(update=found) for part, found in zip(parts, paths, strict=True)]


def ways_of(wanted: Sequence[Eval], prompts: int) -> list[Way]:
    """Return what to sample: one way for each temperature, top-p and limit, to as many prompts as any eval asks for."""
    most: dict[tuple[float, float, int], int] = {}
    for sampling in (sampling for part in wanted for sampling in part.samplings()):
        key = (sampling.temperature, sampling.top_p, sampling.max_new_tokens)
        most[key] = max(most.get(key, 0), min(sampling.prompts or prompts, prompts))
    return [Way(*key, count) for key, count in most.items()]


def _way_label(sampling: Sampling) -> str:
    return Way(sampling.temperature, sampling.top_p, sampling.max_new_tokens, 0).label


def student_pairs(job: Job, world: World, policy: Policy) -> Pairs:
    """Return the student's log-probabilities of the held-out pairs, and its reward head's margin where it has one."""
    rows = TokenRows(job.input("data"), "eval", "student", ("chosen", "rejected"))
    if not len(rows):
        return {}
    dtype = job.settings["student.dtype"]

    def compute(batch: np.ndarray) -> dict[str, np.ndarray]:
        sums = score_batch(policy, rows.items(batch), dtype, logp=True)
        columns = {"chosen_logp": sums[0::2], "rejected_logp": sums[1::2]}
        if policy.head is not None:
            values = score_batch(policy, rows.items(batch), dtype, logp=False)
            columns["head_margin"] = values[0::2] - values[1::2]
        return columns

    columns = Chunks(job, world, "pairs", rows.lengths).run(compute, Progress(job)) or {}
    chosen, rejected = rows.response_lengths.T
    return columns | {"chosen_tokens": chosen, "rejected_tokens": rejected} | known_pairs(job)


def known_pairs(job: Job) -> Pairs:
    """Return what earlier stages know of the held-out pairs: the reference's log-probabilities, the oracle's margin."""
    found: Pairs = {}
    for role, name in _REFERENCES:
        if role in job.inputs and not found:
            table = read(job.input(role) / name)
            names = [key for key in ("chosen_logp", "rejected_logp") if key in table.column_names]
            found = {f"ref_{key}": numbers(table.column(key)) for key in names}
    if "rewards" in job.inputs:
        table = read(job.input("rewards") / "eval.parquet")
        found["oracle_margin"] = numbers(table.column("chosen_0")) - numbers(table.column("rejected_0"))
    return found


def start_samples(job: Job, samplings: dict[Sampling, int], ids: list[str]) -> dict[Sampling, Samples]:
    """Return the start model's samples of the same prompts, from its own evaluate artifact."""
    folder = job.input("baseline")
    found = read_responses(folder)
    out = {}
    for sampling, size in samplings.items():
        group = found.get(_way_label(sampling))
        if group is None or group.ids[:size] != ids[:size]:
            raise IntegrityError(
                f"`{folder}` does not hold the start model's samples `{_way_label(sampling)}` of these prompts",
                code="baseline",
                hint=f"delete it and run the same apply again: `rm -r {folder}`",
            )
        out[sampling] = group.first(size)
    return out


def measure(job: Job, parts: Sequence[Eval], prompts: Prompts, groups: Sequence[Responses], pairs: Pairs) -> list[Any]:
    """Return the figures of all evals, plain."""
    total, by_label = len(prompts.ids), {group.label: group for group in groups}
    wanted = dict.fromkeys(sampling for part in parts for sampling in part.samplings())
    sizes = {sampling: min(sampling.prompts or total, total) for sampling in wanted}
    baselines: dict[str, dict[Sampling, Samples]] = {}
    if REFERENCE in by_label:
        baselines[REFERENCE] = {sampling: by_label[REFERENCE].first(size) for sampling, size in sizes.items()}
    if "baseline" in job.inputs and sizes:
        baselines[SFT] = start_samples(job, sizes, prompts.ids)
    data = EvalData(
        samples={sampling: by_label[_way_label(sampling)].first(size) for sampling, size in sizes.items()},
        baselines=baselines,
        pairs=pairs,
        warnings=job.warnings,
        seed=job.settings["seed"],
    )
    return [plain_figure(figure.as_dict()) for part in parts for figure in part.measure(data)]


def plain_figure(figure: dict[str, Any]) -> dict[str, Any]:
    """Return the figure for JSON: what is not finite becomes null, other numbers plain floats and integers."""
    out = dict(figure)
    for key in (name for name in ("value", "low", "high", "temperature", "p") if name in out):
        value = out[key]
        out[key] = float(value) if value is not None and np.isfinite(value) else None
    out["count"] = int(out["count"])
    return out


def run(job: Job) -> None:
    """Carry the stage out, one model in memory at a time; with several processes, the first one writes the result."""
    world = start(job.resources, job.settings["seed"])
    parts = parse_evals(job.settings["evaluate"], job.locations)
    samples = any(part.samplings() for part in parts)
    prompts = Prompts.read(job.input("data")) if samples else Prompts.none()
    ways = ways_of(parts, len(prompts.ids))
    if ways and not prompts.ids:
        raise UserError(
            "there are no evaluation prompts to sample from",
            code="no-prompts",
            hint="hold some out with `--set data.eval_fraction=0.1`, or give the source an evaluation part",
        )
    groups, pairs = _student(job, world, parts, prompts, ways)
    _judge(job, world, parts, prompts, groups, pairs)
    if not world.first:
        return
    job = replace(job, warnings=(*job.warnings, *stamps(job, prompts.student)))
    document = {"figures": measure(job, parts, prompts, groups, pairs), "student": label_of(job)}
    write_responses(job.path("samples.parquet"), groups)
    ids = TokenRows(job.input("data"), "eval", "student", ()).ids if pairs else pa.array([], type=pa.string())
    write_table(job.path("pairs.parquet"), {"id": ids, **{name: pa.array(values) for name, values in pairs.items()}})
    write_json(job.path("figures.json"), {**document, "warnings": list(job.warnings)})


def _student(
    job: Job, world: World, parts: Sequence[Eval], prompts: Prompts, ways: Sequence[Way]
) -> tuple[list[Responses], Pairs]:
    needs_pairs = any(part.needs_pairs for part in parts)
    if not ways and not needs_pairs:
        return [], {}
    # a server has the accelerator to itself: the policy is loaded once it has ended, and only for pairs
    by_server = "sampler" in job.settings
    groups = sample_all(job, world, None, prompts, ways) if ways and by_server else []
    policy = None if by_server and not needs_pairs else _policy(job, world)
    if ways and policy is not None and not by_server:
        groups = sample_all(job, world, policy, prompts, ways)
    reference = prompts.references()
    if groups and reference is not None:
        groups.append(reference)
    return groups, student_pairs(job, world, policy) if needs_pairs and policy is not None else {}


def _policy(job: Job, world: World) -> Policy:
    return load_policy(model_location(job, "policy", "student.model")).eval().to(world.device)


def _judge(
    job: Job, world: World, parts: Sequence[Eval], prompts: Prompts, groups: Sequence[Responses], pairs: Pairs
) -> None:
    judges = {judge for part in parts for judge in part.judges()}
    has_oracle = ORACLE in job.inputs or "oracle.model" in job.locations
    wants_margin = bool(pairs) and "oracle_margin" not in pairs and has_oracle
    if wants_margin or (ORACLE in judges and groups):
        oracle = OracleJudge(job, world)
        for group in groups if ORACLE in judges else ():
            oracle.responses(prompts, group)
        if wants_margin:
            pairs.update(oracle.margins())
    if TRUTH in judges and groups:
        add_truth(job, prompts, groups)
