"""Whether data have what evals sample from: asked as soon as the data are there, and again before anything is sampled.

What is missing would else be noticed when all is trained that was to be measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from drdoctl.core.errors import UserError
from drdoctl.core.words import TEST, VALIDATION
from drdoctl.evals import Eval
from drdoctl.evals._division import parts_of


def require_prompts(evals: Sequence[Eval], prompts: Sequence[str], fraction: float | None = None) -> None:
    """Raise UserError where there is nothing to sample from.

    `prompts`: the text of the evaluation prompts, (P,). `fraction`: the share that students are chosen on, where they
    are: then each of both sides needs a prompt among those that each eval samples from.
    """
    samplings = [sampling for one in evals for sampling in one.samplings()]
    if samplings and not prompts:
        raise UserError(
            "there are no evaluation prompts to sample from",
            code="no-prompts",
            hint="give the source rows with another prompt, of which `--set data.eval_fraction=0.1` holds some out, or "
            "an evaluation part; of one prompt alone none can be held out",
        )
    if not samplings or fraction is None:
        return
    fewest = min(min(sampling.prompts or len(prompts), len(prompts)) for sampling in samplings)
    found = parts_of(prompts[:fewest], fraction)
    for part in (VALIDATION, TEST):
        if part not in found:
            raise UserError(
                f"with `select`, none of the {fewest:,} evaluation prompts that are sampled from is a {part} prompt",
                code="no-prompts",
                hint="evaluate on more prompts (`--set data.eval_fraction=0.2`, a larger evaluation part, or `prompts` "
                "of the eval), or divide them otherwise: `--set data.validation_fraction=0.5`",
            )


def require_references(evals: Sequence[Eval], references: Sequence[str | None]) -> None:
    """Raise UserError where a judge is to see references and an evaluation prompt has none. `references`: (P,)."""
    names = [one.name for one in evals if one.needs_references]
    lacking = sum(not text for text in references)
    if names and lacking:
        raise UserError(
            f"`{names[0]}` needs a reference for every prompt, and {lacking:,} of {len(references):,} have none",
            code="no-references",
            hint="name their column with `data.columns: {reference: NAME}`; or do without them: `against: [sft]`, "
            "`prompt: against-reference`",
        )
