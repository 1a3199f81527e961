"""LLM judge: a language model behind any OpenAI-compatible server says whose response is better, asked in both orders.

A judge may prefer whatever it is shown first. So every pair is asked about twice, and the student wins only where both
orders say so; where they disagree, or both call it a tie, it is a tie. An answer counts if its last line is
`Verdict: A`, `Verdict: B` or `Verdict: tie`; any other is unparsed: it is kept as it came and counted, and its prompt
is left out of the win rate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from drdoctl.core.commands import PLACEHOLDER, placeholders
from drdoctl.core.suggest import closest
from drdoctl.core.words import LLM, REFERENCE, SFT
from drdoctl.evals import EvalData, Figure, Measure, Sampling
from drdoctl.evals._compare import paired, warnings_for
from drdoctl.evals._orders import BASELINE, ORDERS, STUDENT, TIE, Verdicts, figures
from drdoctl.evals._questions import Asked, Question
from drdoctl.evals._sampled import Against, SampledEval

PROMPTS = Path(__file__).parent / "prompts"
GROUNDED, AGAINST_REFERENCE = "grounded", "against-reference"
OWN = {SFT: GROUNDED, REFERENCE: AGAINST_REFERENCE}
"""Baseline -> the prompt that is used where the spec names none."""
FILLED = ("prompt", "response_a", "response_b", "reference")
NEEDED = ("prompt", "response_a", "response_b")
VERDICT = re.compile(r"(?:\*\*)?Verdict: *(A|B|tie)(?:\*\*)?", re.IGNORECASE)
CHARACTERS_PER_TOKEN = 4
USUAL_ANSWER = 80
"""Tokens of one or two sentences and a verdict; for the plan's estimate only."""


@cache
def shipped(name: str) -> str:
    """Return one of the prompts that come with drdoctl."""
    return (PROMPTS / f"{name}.txt").read_text(encoding="utf-8")


def parse(answer: str) -> str | None:
    """Return `a`, `b` or `tie` from an answer's last line that is not empty; None where it says anything else."""
    lines = answer.strip().splitlines()
    found = VERDICT.fullmatch(lines[-1].strip()) if lines else None
    return found[1].lower() if found else None


class LlmJudgeEval(SampledEval):
    """Wins, ties and losses by a language model's word, with how often it contradicts itself when the order turns."""

    name: Literal["llm-judge"]
    """`llm-judge`."""
    model: str = Field(min_length=1)
    """The judge's name as its server knows it, such as `gpt-4o`; where the server is, `resources.judge` says."""
    prompt: str | None = Field(default=None, min_length=1)
    """`grounded` shows a reference as a guide, `against-reference` none; or a FILE with `{prompt}`, `{response_a}`,
    `{response_b}` and perhaps `{reference}`, begun as a copy of those (`evals/prompts/` in the package). Without it,
    `grounded` against `sft` and `against-reference` against `reference`."""
    against: list[Against] = Field(default=["sft", "reference"], min_length=1)
    """Baselines: samples of the SFT student at the same temperature, and the logged reference responses."""
    temperatures: list[Annotated[float, Field(ge=0)]] = Field(default=[0.7], min_length=1)
    """Sampling temperatures of the student; 0 is greedy. The judge's own is always 0."""
    prompts: int | None = Field(default=200, ge=1)
    """How many evaluation prompts, from the front; null: all. Each costs two requests for each baseline and
    temperature."""
    max_answer_tokens: int = Field(default=300, ge=1)
    """The longest answer of the judge, in its tokens."""

    paper: ClassVar[str] = (
        "DRDO, arXiv 2410.08458, section 6 and appendix E; Zheng et al. (position bias), arXiv 2306.05685"
    )

    @model_validator(mode="after")
    def _no_slip_of_the_pen(self) -> Self:
        meant = closest(self.prompt, [GROUNDED, AGAINST_REFERENCE]) if self.prompt and self.files() else None
        if meant and not {".", "/"} & {*str(self.prompt)}:
            raise ValueError(
                f"`prompt` knows no `{self.prompt}`, only `{GROUNDED}` and `{AGAINST_REFERENCE}` (did you mean "
                f"`{meant}`?), or a file such as `./{self.prompt}`"
            )
        return self

    @model_validator(mode="after")
    def _one_use_of_references(self) -> Self:
        if self.prompt == GROUNDED and REFERENCE in self.against:
            raise ValueError("`prompt` `grounded` shows the reference as a guide, and `against` has it judged as well")
        return self

    def baselines(self) -> list[str]:
        """Return what `against` names, and the references where the judge sees them."""
        return sorted({*self.against, *([REFERENCE] if self.prompt != AGAINST_REFERENCE else [])})

    def measures(self) -> list[Measure]:
        """Return the win rate of each comparison; none by a prompt of the user's, whose content names the judge."""
        if self.files():
            return []
        pairs = [(at, against) for at in self.temperatures for against in self.against]
        return [Measure("win_rate", against, self._stamp(), at) for at, against in pairs]

    def files(self) -> dict[str, str]:
        """Return the prompt, where it is a file of the user's."""
        return {} if self.prompt in (None, GROUNDED, AGAINST_REFERENCE) else {"prompt": str(self.prompt)}

    def flaws(self, option: str, path: Path) -> list[str]:
        """Return what a prompt lacks, or names that nothing fills in."""
        try:
            names = placeholders(path.read_text(encoding="utf-8"))
        except ValueError:
            return [f"`{option}` is no UTF-8 text"]
        found = [f"`{option}` lacks `{{{name}}}`" for name in NEEDED if name not in names]
        found += [f"`{option}` names `{{{name}}}`, which nothing fills in" for name in names if name not in FILLED]
        if "reference" in names and REFERENCE in self.against:
            found.append(f"`{option}` shows the reference as a guide, and `against` has it judged as well")
        return found

    def texts(self) -> dict[str, str]:
        """Return the shipped prompts that are used."""
        return {} if self.files() else {name: shipped(name) for name in map(self._named, self.against)}

    @property
    def needs_references(self) -> bool:
        """Whether every prompt must have a reference: to be shown, or to be compared with."""
        return REFERENCE in self.against or any("{reference}" in self._template(against) for against in self.against)

    def asks(self) -> list[Asked]:
        """Return two questions for each prompt, baseline and temperature."""
        return [self._asked(sampling, against) for sampling in self.samplings() for against in self.against]

    def questions(self, data: EvalData) -> list[Question]:
        """Return two questions for each pair of responses, one in each order."""
        return [question for pair in self._pairs(data) for question in pair]

    def verdict(self, question: Question, answer: str) -> str | None:
        """Return `student`, `baseline` or `tie`; None for an answer that is not in the form asked for."""
        said = parse(answer)
        if said in (None, TIE):
            return said
        return STUDENT if (said == "a") == (question.order == ORDERS[0]) else BASELINE

    def measure(self, data: EvalData) -> list[Figure]:
        """Return the figures of each comparison; `_orders.figures` says what they are."""
        found: dict[tuple[Sampling, str], list[Verdicts]] = {}
        for first, second in self._pairs(data):
            verdicts = tuple(self.verdict(question, data.answers[question.key]) for question in (first, second))
            found.setdefault((first.sampling, first.against), []).append((verdicts[0], verdicts[1]))
        add = partial(figures, seed=data.seed, judge=self._stamp(), warnings=warnings_for(data, None))
        return [
            figure
            for (sampling, against), rows in found.items()
            for figure in add(rows, against=against, temperature=sampling.temperature)
        ]

    def _pairs(self, data: EvalData) -> Iterator[tuple[Question, Question]]:
        judge = self._stamp()
        for sampling in self.samplings():
            student, logged = data.samples[sampling], data.baselines.get(REFERENCE, {}).get(sampling)
            guides = dict(zip(logged.prompt_ids, logged.responses, strict=True)) if logged is not None else {}
            for against in self.against:
                baseline = data.baselines.get(against, {}).get(sampling)
                if baseline is None:
                    continue
                template = self._template(against)
                for here, there in zip(*paired(student, baseline), strict=True):
                    name = student.prompt_ids[here]
                    both = (student.responses[here], baseline.responses[there])
                    known = {"prompt": data.prompts[name], "reference": guides.get(name, "")}
                    first, second = (
                        Question(
                            judge=judge,
                            model=self.model,
                            text=_filled(template, known, shown),
                            max_tokens=self.max_answer_tokens,
                            prompt_id=name,
                            sampling=sampling,
                            against=against,
                            order=order,
                        )
                        for order, shown in zip(ORDERS, (both, both[::-1]), strict=True)
                    )
                    yield first, second

    def _named(self, against: str) -> str:
        return self.prompt or OWN[against]

    def _template(self, against: str) -> str:
        name = self._named(against)
        return Path(name).read_text(encoding="utf-8") if self.files() else shipped(name)

    def _asked(self, sampling: Sampling, against: str) -> Asked:
        # before the stage runs, a file of the user's is only known by its name: about as long as ours
        likely = shipped(OWN[against] if self.files() else self._named(against))
        return Asked(
            model=self.model,
            sampling=sampling,
            against=against,
            requests=len(ORDERS),
            fixed_tokens=len(likely) // CHARACTERS_PER_TOKEN,
            responses=3 if "{reference}" in likely else 2,
            answer_tokens=min(self.max_answer_tokens, USUAL_ANSWER),
        )

    def _stamp(self) -> str:
        """Return who judges, and by which prompt where it is not the usual one."""
        if self.files():
            return f"{LLM}{self.model} (prompt {sha256(self._template(SFT).encode()).hexdigest()[:8]})"
        usual = all(self._named(against) == OWN[against] for against in self.against)
        return f"{LLM}{self.model}" if usual else f"{LLM}{self.model} (prompt {self.prompt})"


def _filled(template: str, known: dict[str, str], shown: tuple[str, str]) -> str:
    """Return the question. Filled in at one go: what a response itself has in braces stays."""
    values = {**known, "response_a": shown[0], "response_b": shown[1]}
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]).strip(), template)
