"""Evals: one file a measurement of a student.

To add one: write `evals/NAME.py` with a class derived from `Eval`, and its test. The `evaluate`
stage samples and scores once for all evals; an eval only says what it needs and does the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from drdoctl.core.parts import Part, discover
from drdoctl.evals._questions import Asked, Question
from drdoctl.evals._sampling import Sampling as Sampling

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

OF = "evaluate.of"
"""The setting of evaluate stages that are not about a student: what else they measure (`Eval.about`)."""
OPTIONAL = ("p", "group", "test_set", "part")
"""Fields of a figure that are only written where they say something."""


@dataclass(frozen=True)
class Figure:
    """One number of the report. Intervals are 95 %, by paired bootstrap over prompts."""

    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str = ""
    against: str | None = None
    """`sft`, `reference`, or None where nothing is compared."""
    judge: str | None = None
    temperature: float | None = None
    count: int = 0
    warnings: Sequence[str] = ()
    """Stamps such as `judge = teacher`: what a reader must know before quoting the number."""
    p: float | None = None
    """Two-sided p-value against chance, where something is compared (`core.significance.p_value`)."""
    group: str | None = None
    """Which of the pairs, where not all: `subset chat`, `certainty 0.90 to 0.95`; or which member of an ensemble."""
    test_set: str | None = None
    """Which pairs a reward model was tried on, where they are not the held-out ones."""
    part: str | None = None
    """`validation` or `test`, where students are chosen on some prompts and figures read on the others."""

    def as_dict(self) -> dict[str, Any]:
        """Return the figure as plain JSON; of the last ones those that say nothing are left out."""
        plain = {**self.__dict__, "warnings": list(self.warnings)}
        return {name: value for name, value in plain.items() if value is not None or name not in OPTIONAL}


@dataclass(frozen=True)
class Measure:
    """One figure that an eval gives every student: what `select` can choose by."""

    metric: str
    against: str | None = None
    judge: str | None = None
    temperature: float | None = None
    best: Literal["max", "min"] = "max"
    """Which end is the better one."""


@dataclass(frozen=True)
class Samples:
    """Sampled (or logged) responses to the evaluation prompts, in prompt order, with their scores."""

    prompt_ids: list[str]
    responses: list[str]
    tokens: np.ndarray
    """Response tokens, the end token included. Shape (P,)."""
    ended: np.ndarray
    """Whether the end token came before the limit. Shape (P,), bool."""
    scores: dict[str, np.ndarray]
    """Judge -> reward, shape (P,): `oracle`, the names of other judges; and the parts of `truth` as `truth.reward`,
    `truth.wrong` …"""


@dataclass(frozen=True)
class EvalData:
    """What the evaluate stage hands to an eval."""

    samples: dict[Sampling, Samples]
    baselines: dict[str, dict[Sampling, Samples]]
    """`sft` -> its samples; `reference` -> logged responses (same for every sampling). What is missing is not there."""
    pairs: dict[str, np.ndarray] = field(default_factory=dict)
    """Held-out pairs, each shape (M,): `chosen_logp`, `rejected_logp`, `chosen_tokens`, `rejected_tokens`, and where
    known `ref_chosen_logp`, `ref_rejected_logp`, `oracle_margin`, `head_margin`."""
    warnings: Sequence[str] = ()
    stamps: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """A judge beside the oracle -> what its figures are stamped with."""
    seed: int = 0
    prompts: Mapping[str, str] = field(default_factory=dict)
    """Prompt id -> the prompt as people read it; only where an eval asks questions."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """A question's key -> the answer, as it came."""


class Eval(Part):
    """A measurement of one student, or of a reward model."""

    paper: ClassVar[str] = ""
    about: ClassVar[Literal["student", "oracle"]] = "student"
    """What is measured: every student, or every reward model once. Then `data.pairs` holds `margin_0` … of the held-out
    pairs, or of those in the eval's own file (its option `pairs`)."""

    def samplings(self) -> list[Sampling]:
        """Return the samplings this eval needs (none: it does without samples)."""
        return []

    def instructed(self) -> Sampling | None:
        """Return how the instructions of the eval's own file (its option `instructions`) are answered; None: no file.

        Its samples lie in `EvalData.samples` beside the others; no judge scores them.
        """
        return None

    def documents(self, answers: Samples, student: str, asked: Sequence[dict[str, str]]) -> dict[str, Any]:
        """Return the JSON files that answered instructions become in the artifact: name -> content.

        `asked` holds what the file says of each instruction, `student` the student's label.
        """
        return {}

    def tried_on(self) -> str | None:
        """Return what the figures call the pairs of the eval's own file; None: they are of the held-out pairs."""
        return None

    def judges(self) -> list[str]:
        """Return the judges whose scores are needed: `oracle`, `truth`, or names of the spec's `judges`."""
        return []

    def baselines(self) -> list[str]:
        """Return what the student is compared with: `sft`, `reference`."""
        return []

    def files(self) -> dict[str, str]:
        """Return the local files it reads: option -> path as the spec writes it. A plan knows them by their content."""
        return {}

    def flaws(self, option: str, path: Path) -> list[str]:
        """Return what is wrong with the content of a file that is there, one sentence each."""
        return []

    def texts(self) -> dict[str, str]:
        """Return the texts shipped with drdoctl that decide the result: name -> text."""
        return {}

    @property
    def needs_references(self) -> bool:
        """Whether it is an error where not every prompt has a logged reference. Asked in the stage, files at hand."""
        return False

    def asks(self) -> list[Asked]:
        """Return what a language model behind `resources.judge` is asked; none: it does without a server."""
        return []

    def questions(self, data: EvalData) -> list[Question]:
        """Return the questions, in an order that follows from the data; `measure` then finds `data.answers`."""
        return []

    def verdict(self, question: Question, answer: str) -> str | None:
        """Return what an answer says, in a word; None where it is not in the form that was asked for."""
        return None

    @property
    def needs_pairs(self) -> bool:
        """Whether log-probabilities of the held-out pairs are needed."""
        return False

    def measures(self) -> list[Measure]:
        """Return the figures that every student gets and that say which one is better; none: nothing to choose by."""
        return []

    def measure(self, data: EvalData) -> list[Figure]:
        """Return the figures."""
        raise TypeError(f"eval {self.name} measures nothing")


def evals() -> dict[str, type[Eval]]:
    """Return every eval by name."""
    return discover(__name__, Eval)


def parse(plain: Sequence[Mapping[str, Any]], path: Callable[[str], str]) -> list[Eval]:
    """Return a stage's evals from their plain form. `path`: a key among the stage's locations -> where that file is."""
    known = evals()
    parts = [known[one["name"]].model_validate(one) for one in plain]
    files = [{name: path(f"evaluate.{at}.{name}") for name in part.files()} for at, part in enumerate(parts)]
    return [part.model_copy(update=found) for part, found in zip(parts, files, strict=True)]
