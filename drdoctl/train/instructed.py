"""Answers to the instructions that evals bring in files of their own, beside the data's evaluation prompts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.core.files import write_json
from drdoctl.data._instructions import Instruction, read_instructions
from drdoctl.data._records import Bad
from drdoctl.train.notebook import stamps
from drdoctl.train.rendering import renderer
from drdoctl.train.respond import sample_all
from drdoctl.train.response_table import Prompts
from drdoctl.train.responses import Way, with_room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drdoctl.evals import Eval, Samples, Sampling
    from drdoctl.stages import Job
    from drdoctl.train.models import Policy
    from drdoctl.train.runtime import World


@dataclass(frozen=True)
class Asked:
    """One eval's instructions, as the student reads them."""

    part: Eval
    sampling: Sampling
    instructions: list[Instruction]
    prompts: Prompts

    @property
    def rows(self) -> list[dict[str, str]]:
        """Return what the file says of each instruction."""
        return [{**one.about, "instruction": one.text} for one in self.instructions]


def read_asked(job: Job, parts: Sequence[Eval]) -> list[Asked]:
    """Return the instructions of all evals that bring some, rendered for the student.

    Raises UserError naming those that the chat template refuses.
    """
    found = []
    for part in parts:
        sampling = part.instructed()
        if sampling is not None:
            instructions = read_instructions(part.files()["instructions"])[: sampling.prompts]
            found.append(Asked(part, sampling, instructions, _prompts(job, part, instructions)))
    return found


def _prompts(job: Job, part: Eval, instructions: Sequence[Instruction]) -> Prompts:
    render = renderer(job, "student")
    encoded = render.encode([(one.prompt, ()) for one in instructions])
    file = part.files()["instructions"]
    faults = [
        Fault(row.code, f"instruction {number}: {row.message}", Where(file), row.hint)
        for number, row in enumerate(encoded, 1)
        if isinstance(row, Bad)
    ]
    if faults:
        raise UserError(faults)
    return replace(
        Prompts.none(),
        # the text itself seeds the draws: an answer does not change with the file's order
        ids=[f"{part.name}:{one.text}" for one in instructions],
        text=[render.prompt_text(one.prompt) for one in instructions],
        student=[row.whole_prompt for row in encoded if not isinstance(row, Bad)],
    )


def answer(job: Job, world: World, policy: Policy | None, asked: Sequence[Asked]) -> dict[Sampling, Samples]:
    """Return the student's answers to each eval's instructions. Without a policy in memory, a server samples.

    To an instruction that leaves the model no positions for an answer there is none: no text, no tokens. Where that
    is so of all of them, or where a server samples, it is an error.
    """
    found = {}
    for one in asked:
        sampling, ids = one.sampling, one.prompts.student
        every = list(range(len(ids)))
        fits = every if policy is None else with_room(policy.lm.config, ids, sampling.max_new_tokens) or every
        way = Way(sampling.temperature, sampling.top_p, sampling.max_new_tokens, len(fits), sampling.of)
        (group,) = sample_all(job, world, policy, _picked(one.prompts, fits), [way])
        found[sampling] = _spread(group.first(len(fits)), fits, one.prompts.ids)
    return found


def _picked(prompts: Prompts, rows: Sequence[int]) -> Prompts:
    return replace(
        prompts,
        ids=[prompts.ids[row] for row in rows],
        text=[prompts.text[row] for row in rows],
        student=[prompts.student[row] for row in rows],
    )


def _spread(answers: Samples, rows: Sequence[int], ids: list[str]) -> Samples:
    """Return the answers to these rows among all, the others empty."""
    tokens, ended, text = np.zeros(len(ids), dtype=np.int32), np.zeros(len(ids), dtype=bool), [""] * len(ids)
    tokens[rows], ended[rows] = answers.tokens, answers.ended
    for row, said in zip(rows, answers.responses, strict=True):
        text[row] = said
    return replace(answers, prompt_ids=ids, responses=text, tokens=tokens, ended=ended)


def server_stamps(job: Job, asked: Sequence[Asked]) -> list[str]:
    """Return what a reader must know of how a server read the instructions."""
    return [text for one in asked for text in stamps(job, one.prompts.student, one.sampling.of)]


def write_documents(job: Job, student: str, asked: Sequence[Asked], answers: dict[Sampling, Samples]) -> None:
    """Write the files that the evals make of the answers."""
    for one in asked:
        documents: dict[str, Any] = one.part.documents(answers[one.sampling], student, one.rows)
        for name, content in documents.items():
            write_json(job.path(name), content)
