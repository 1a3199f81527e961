"""A student's responses to the evaluation prompts, sampled here or by a server, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from drdoctl.train.places import model_location
from drdoctl.train.remote import ServerSampler
from drdoctl.train.rendering import answers, renderer
from drdoctl.train.response_table import Prompts, Responses
from drdoctl.train.responses import Said, Sampler, Way

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drdoctl.data._render import Renderer
    from drdoctl.stages import Job
    from drdoctl.train.models import Policy
    from drdoctl.train.runtime import World


def ends(render: Renderer) -> list[int]:
    """Return the tokens that end a response."""
    return sorted({render.end_id} | ({render.tokenizer.eos_token_id} - {None}))


def sample_all(job: Job, world: World, policy: Policy | None, prompts: Prompts, ways: Sequence[Way]) -> list[Responses]:
    """Return the student's responses, one group for each way, all of the same prompts (`Way.of`).

    Without a policy in memory, a server samples.
    """
    render = renderer(job, "student")
    over = ends(render)
    if policy is None:
        location = model_location(job, "policy", "student.model")
        server = ServerSampler(job, world, location, render.tokenizer, over, ways[0].of)
        said = server.run(prompts.student, prompts.ids, ways)
    else:
        said = _sampled_here(job, world, policy, prompts, ways, render.tokenizer, over)
    return [
        Responses(
            label=way.label,
            ids=prompts.ids[: way.prompts],
            text=answers(render, prompts.text[: way.prompts], [one.text for one in said[way.label]]),
            tokens=np.array([one.tokens for one in said[way.label]], dtype=np.int32),
            ended=np.array([one.ended for one in said[way.label]], dtype=bool),
            way=way,
        )
        for way in ways
    ]


def _sampled_here(
    job: Job, world: World, policy: Policy, prompts: Prompts, ways: Sequence[Way], tokenizer: Any, ends: Sequence[int]
) -> dict[str, list[Said]]:
    sampler = Sampler(job, world, prompts.student, prompts.ids)
    sampled = sampler.run(policy.lm, ways, ends, job.settings["student.dtype"])
    said = {}
    for way in ways:
        ids = [one.ids[:-1] if one.ended else one.ids for one in sampled[way.label]]
        text = tokenizer.batch_decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        pairs = zip(text, sampled[way.label], strict=True)
        said[way.label] = [Said(each, len(one.ids), one.ended) for each, one in pairs]
    return said
