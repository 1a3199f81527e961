"""The evaluate stage: sample, score and look up once what all evals of the spec need, then let each do its sums."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from drdoctl.core.commands import quoted
from drdoctl.core.distinct import distinct
from drdoctl.core.errors import IntegrityError, Refused
from drdoctl.core.files import write_json
from drdoctl.core.fingerprint import file_sha256
from drdoctl.core.words import REFERENCE, SFT, TEST, VALIDATION
from drdoctl.evals import Eval, EvalData, Samples, Sampling, parse
from drdoctl.evals._division import parts_of, side
from drdoctl.evals._enough import require_prompts, require_references
from drdoctl.stages.evaluate import FRACTION
from drdoctl.stages.planned import HINT
from drdoctl.train.columns import read
from drdoctl.train.held_out import Pairs, student_pairs
from drdoctl.train.instructed import Asked, answer, read_asked, server_stamps, write_documents
from drdoctl.train.judge import judge
from drdoctl.train.judgements import with_answers
from drdoctl.train.models import Policy, load_policy
from drdoctl.train.notebook import stamps
from drdoctl.train.places import model_location
from drdoctl.train.respond import sample_all
from drdoctl.train.response_table import Prompts, Responses, read_responses, write_responses
from drdoctl.train.responses import Way, ways_of
from drdoctl.train.rewards import write_table
from drdoctl.train.runtime import start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drdoctl.stages import Job
    from drdoctl.train.runtime import World


def label_of(job: Job) -> str:
    """Return the student's label: the part of the stage's id in brackets."""
    return job.id.partition("[")[2].removesuffix("]") or "student"


def parse_evals(settings: Sequence[dict[str, Any]], locations: Mapping[str, Any] | None = None) -> list[Eval]:
    """Return the spec's evals from their plain form, with the paths of the files that they read.

    Raises Refused where a file no longer holds what the plan was made for.
    """
    return parse(settings, lambda key: _unchanged(locations or {}, key))


def _unchanged(locations: Mapping[str, Any], key: str) -> str:
    path, planned = str(locations[key]), locations.get(f"{key}.sha256")
    if planned is not None and (not Path(path).is_file() or file_sha256(Path(path)) != planned):
        message = f"`{key}`: `{path}` no longer holds what it held when this was planned"
        raise Refused(message, code="stale-plan", hint=HINT)
    return path


def start_samples(job: Job, samplings: dict[Sampling, int], ids: list[str]) -> dict[Sampling, Samples]:
    """Return the start model's samples of the same prompts, from its own evaluate artifact."""
    folder = job.input("baseline")
    found = read_responses(folder)
    out = {}
    for sampling, size in samplings.items():
        group = found.get(sampling.label)
        if group is None or group.ids[:size] != ids[:size]:
            raise IntegrityError(
                f"`{folder}` does not hold the start model's samples `{sampling.label}` of these prompts",
                code="baseline",
                hint=f"delete it and run the same apply again: `rm -r {quoted(folder)}`",
            )
        out[sampling] = group.first(size)
    return out


def measure(
    job: Job,
    parts: Sequence[Eval],
    prompts: Prompts,
    groups: Sequence[Responses],
    pairs: Pairs,
    answers: Mapping[Sampling, Samples] | None = None,
) -> list[Any]:
    """Return the figures of all evals, plain. `answers`: to the instructions that evals bring themselves."""
    total, by_label = len(prompts.ids), {group.label: group for group in groups}
    wanted = dict.fromkeys(sampling for part in parts for sampling in part.samplings())
    sizes = {sampling: min(sampling.prompts or total, total) for sampling in wanted}
    baselines: dict[str, dict[Sampling, Samples]] = {}
    if REFERENCE in by_label:
        baselines[REFERENCE] = {sampling: by_label[REFERENCE].first(size) for sampling, size in sizes.items()}
    if "baseline" in job.inputs and sizes:
        baselines[SFT] = start_samples(job, sizes, prompts.ids)
    data = EvalData(
        samples={
            **{sampling: by_label[sampling.label].first(size) for sampling, size in sizes.items()},
            **(answers or {}),
        },
        baselines=baselines,
        pairs=pairs,
        warnings=job.warnings,
        stamps={key.split(".")[1]: texts for key, texts in job.settings.items() if key.endswith(".stamps")},
        seed=job.settings["seed"],
    )
    data = with_answers(job, parts, prompts, data)
    sides = sides_of(job, prompts)
    if sides is None:
        return _figures(parts, data)
    of_pairs = pair_parts(job) if pairs else []
    return [
        figure for part in (TEST, VALIDATION) for figure in _figures(parts, side(data, part, sides, of_pairs), part)
    ]


def _figures(evals: Sequence[Eval], data: EvalData, part: str | None = None) -> list[dict[str, Any]]:
    measured = (replace(figure, part=part) for one in evals for figure in one.measure(data))
    return distinct([plain_figure(figure.as_dict()) for figure in measured])


def sides_of(job: Job, prompts: Prompts) -> dict[str, str] | None:
    """Return the part of each prompt by its id, or None where nothing is divided."""
    fraction = job.settings.get(FRACTION)
    return None if fraction is None else dict(zip(prompts.ids, parts_of(prompts.text, fraction), strict=True))


def pair_parts(job: Job) -> list[str]:
    """Return the part of each held-out pair, in their order."""
    return parts_of(_held_out(job, "prompt").to_pylist(), job.settings[FRACTION])


def _held_out(job: Job, column: str) -> pa.ChunkedArray:
    return read(job.input("data") / "eval.parquet", columns=[column]).column(column)


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
    require_prompts(parts, prompts.text, job.settings.get(FRACTION))
    require_references(parts, prompts.reference)
    asked = read_asked(job, parts)
    groups, pairs, answers = _student(job, world, parts, prompts, ways, asked)
    pairs.update(judge(job, world, parts, prompts, groups, margins=bool(pairs) and "oracle_margin" not in pairs))
    if not world.first:
        return
    job = replace(job, warnings=(*job.warnings, *stamps(job, prompts.student), *server_stamps(job, asked)))
    document = {"figures": measure(job, parts, prompts, groups, pairs, answers), "student": label_of(job)}
    parse_evals(job.settings["evaluate"], job.locations)  # some of their files were read just now
    write_responses(job.path("samples.parquet"), groups, sides_of(job, prompts))
    ids = _held_out(job, "id") if pairs else pa.array([], type=pa.string())
    write_table(job.path("pairs.parquet"), {"id": ids, **{name: pa.array(values) for name, values in pairs.items()}})
    write_documents(job, label_of(job), asked, answers)
    write_json(job.path("figures.json"), {**document, "warnings": list(job.warnings)})


def _student(
    job: Job, world: World, parts: Sequence[Eval], prompts: Prompts, ways: Sequence[Way], asked: Sequence[Asked]
) -> tuple[list[Responses], Pairs, dict[Sampling, Samples]]:
    needs_pairs = any(part.needs_pairs for part in parts)
    if not ways and not needs_pairs and not asked:
        return [], {}, {}
    # a server has the accelerator to itself: the policy is loaded once it has ended, and only for pairs
    by_server = "sampler" in job.settings
    first = None if by_server else _policy(job, world)
    groups = sample_all(job, world, first, prompts, ways) if ways else []
    answers = answer(job, world, first, asked)
    policy = _policy(job, world) if needs_pairs and first is None else first
    reference = prompts.references(max(len(group.ids) for group in groups)) if groups else None
    if reference is not None:
        groups.append(reference)
    return groups, student_pairs(job, world, policy) if needs_pairs and policy is not None else {}, answers


def _policy(job: Job, world: World) -> Policy:
    return load_policy(model_location(job, "policy", "student.model")).eval().to(world.device)
