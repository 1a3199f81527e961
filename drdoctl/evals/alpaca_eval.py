"""AlpacaEval: the student's answers to a file of instructions, as the file of outputs that `alpaca_eval` reads.

The instructions (`alpaca_eval.json` of the Hub's dataset `tatsu-lab/alpaca_eval`, or any model's `model_outputs.json`)
are no part of the data: they are rendered with the student's chat template and answered beside the data's prompts. The
evaluate artifact then holds `alpaca-eval-t0.7-p1-n1024.json`: `[{dataset, instruction, output, generator}]`. Have it
judged by `alpaca_eval --model_outputs FILE`, and read the annotations by `drdoctl leaderboard`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from drdoctl.evals import Eval, EvalData, Figure, Samples, Sampling
from drdoctl.evals._compare import mean_figure, warnings_for

if TYPE_CHECKING:
    from collections.abc import Sequence


class AlpacaEvalEval(Eval):
    """Answers to AlpacaEval's instructions, in its format, and how long they are."""

    name: Literal["alpaca-eval"]
    """`alpaca-eval`."""
    instructions: str = Field(min_length=1)
    """A file of instructions: JSON, JSON lines or Parquet with `instruction`, and `dataset` where known."""
    temperature: float = Field(default=0.7, ge=0)
    """Sampling temperature; 0 is greedy."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Nucleus sampling: the fewest tokens that hold this much probability."""
    max_new_tokens: int = Field(default=1024, ge=1)
    """The longest answer sampled, in tokens."""
    prompts: int | None = Field(default=None, ge=1)
    """How many instructions, from the front; null: all, as the leaderboard wants it."""

    paper: ClassVar[str] = "Dubois et al. 2024, arXiv 2404.04475"

    def files(self) -> dict[str, str]:
        """Return the file of instructions."""
        return {"instructions": self.instructions}

    def instructed(self) -> Sampling:
        """Return how they are answered."""
        return Sampling(self.temperature, self.top_p, self.max_new_tokens, self.prompts, of=self.name)

    def measure(self, data: EvalData) -> list[Figure]:
        """Return the mean length in tokens and in characters, and the share without an end token."""
        import numpy as np

        answers = data.samples[self.instructed()]
        warnings = (*warnings_for(data, None), *_unanswered(answers))
        add = partial(mean_figure, seed=data.seed, temperature=self.temperature, warnings=warnings)
        characters = np.array([len(text) for text in answers.responses], dtype=np.float64)
        return [
            *add("alpaca_eval_tokens", answers.tokens, unit="tokens"),
            *add("alpaca_eval_length", characters, unit="characters"),
            *add("alpaca_eval_not_ended", 1.0 - answers.ended, unit="share"),
        ]

    def documents(self, answers: Samples, student: str, asked: Sequence[dict[str, str]]) -> dict[str, Any]:
        """Return the file of outputs: in the order of the instructions, the student's label as the generator."""
        rows = zip(asked, answers.responses, strict=True)
        outputs = [{**row, "output": output, "generator": student} for row, output in rows]
        return {f"{self.instructed().label}.json": outputs}


def _unanswered(answers: Samples) -> list[str]:
    """Return what is to be said of instructions that left the model no room for an answer."""
    count = sum(1 for tokens, ended in zip(answers.tokens, answers.ended, strict=True) if not tokens and not ended)
    verb = "have" if count > 1 else "has"
    of = f"{count} of {len(answers.tokens)} instructions"
    return [f"{of} {verb} no answer: the model has no positions for `max_new_tokens` more"] if count else []
