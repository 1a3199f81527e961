"""The shape of a spec. Every field's docstring is its help text, its JSON Schema description and its editor hover."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from drdoctl.core.parts import Model
from drdoctl.data import Dataset, datasets
from drdoctl.evals import Eval, evals
from drdoctl.methods import Method, methods
from drdoctl.spec.oracles import ZOO_NAME, Judge, JudgeName, Oracle, RewardModel
from drdoctl.spec.resources import Resources
from drdoctl.spec.scalars import no_bool
from drdoctl.spec.select import Select
from drdoctl.spec.sugar import ByName, OneOrMany
from drdoctl.spec.training import Lora, Sft, Training
from drdoctl.splits import Split, splits

NAME = r"^[a-z0-9][a-z0-9._-]*$"
SPDX = r"^[A-Za-z0-9][A-Za-z0-9.+-]*$"


def _union(classes: dict[str, type[Any]], pick: Any) -> Any:
    tagged = [Annotated[cls, Tag(name)] for name, cls in classes.items()]
    return Annotated[reduce(or_, tagged), Discriminator(pick)] if len(tagged) > 1 else tagged[0]


def _by_name(value: Any) -> Any:
    return value.get("name") if isinstance(value, dict) else getattr(value, "name", None)


def source_name(value: Any) -> Any:
    """Return which dataset a `source:` means: its `name`, or the name whose own key is there."""
    if isinstance(value, dict) and "name" not in value:
        keys = {cls.key: name for name, cls in datasets().items() if cls.key}
        return next((keys[key] for key in value if key in keys), None)
    return _by_name(value)


def _by_shape(value: Any) -> str | None:
    if isinstance(value, dict | Model):
        return "settings"
    return "plain" if value is False or isinstance(value, str) else None


if TYPE_CHECKING:
    MethodField = Method
    EvalField = Eval
    SourceField = Dataset
    SplitSteps = list[Split]
else:
    MethodField = Annotated[_union(methods(), _by_name), ByName(methods)]
    EvalField = Annotated[_union(evals(), _by_name), ByName(evals)]
    SourceField = Annotated[_union(datasets(), source_name), ByName(datasets)]
    SplitSteps = Annotated[list[Annotated[_union(splits(), _by_name), ByName(splits)]], OneOrMany()]


class Data(Model):
    """Which preference pairs, which of them, and how long they may be."""

    source: SourceField
    """Where the pairs come from: a dataset's name, `{jsonl: FILE}`, `{parquet: FILE}` or `{hub: ORG/NAME}`."""
    columns: dict[str, str] = {}
    """Renames for generic sources: our name -> the file's (`{prompt: question, chosen: best}`)."""
    split: SplitSteps = []
    """Which training pairs: `all`, `easy`, `hard`, a step with options, or a list of steps. Evaluation pairs are
    never split."""
    eval_fraction: float | None = Field(default=None, gt=0, lt=1)
    """Share of the prompts held out for evaluation, where the source has no evaluation part of its own; without it,
    0.05."""
    judge_fraction: float | None = Field(default=None, gt=0, lt=1)
    """Share of the training prompts, told by a hash of the prompt, whose pairs nobody but the `judges` learns from."""
    max_rows: int | None = Field(default=None, ge=1)
    """Keep at most this many training pairs, drawn with the seed, after the split."""
    max_eval_rows: int | None = Field(default=None, ge=1)
    """Keep at most this many evaluation pairs, drawn with the seed."""
    validation_fraction: float | None = Field(default=None, gt=0, lt=1)
    """With `select`: share of the evaluation prompts and held-out pairs that students are chosen on, told by a hash of
    the prompt; figures are read on the others. Without it, 0.5."""
    max_prompt_tokens: int = Field(default=512, ge=1)
    """Pairs with a longer prompt are dropped (never cut) and counted."""
    max_tokens: int = Field(default=1024, ge=2)
    """Pairs whose prompt and response together are longer are dropped (never cut) and counted."""
    template: Literal["auto", "none"] = "auto"
    """`auto`: the student's chat template where its tokenizer has one; `none`: prompt and response are joined, with
    a space where neither side has one."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """Rows that cannot be used: stop and name them all, or leave them out and count them."""


class NewModel(Model):
    """A model built on the spot with random weights, for small worlds and tests."""

    model_type: Literal["llama", "opt", "phi3", "qwen2", "gpt_neox"] = "llama"
    """The architecture, as transformers calls it."""
    hidden_size: int = Field(default=64, ge=8)
    """Width."""
    layers: int = Field(default=2, ge=1)
    """Decoder layers."""
    heads: int = Field(default=4, ge=1)
    """Attention heads; must divide `hidden_size`."""
    mlp_size: int | None = Field(default=None, ge=8)
    """Width of the MLP; without it, 3 x hidden_size."""
    activation: Literal["silu", "gelu", "relu"] = "gelu"
    """The MLP's activation."""
    max_positions: int = Field(default=256, ge=16)
    """The longest sequence."""
    rope_theta: float = Field(default=1000.0, gt=0)
    """Base of the rotary positions, where the architecture has them."""
    tied: bool = True
    """Whether the LM head shares the embedding's weights."""
    init_std: float = Field(default=0.1, gt=0)
    """Standard deviation of the random weights."""


ModelField = Annotated[
    Annotated[Annotated[str, Field(min_length=1)], Tag("plain")] | Annotated[NewModel, Tag("settings")],
    Discriminator(_by_shape),
]
SftField = Annotated[
    Annotated[Sft, Tag("settings")] | Annotated[Literal[False], Tag("plain")],
    Discriminator(_by_shape),
]


class Student(Model):
    """The policy to align."""

    model: ModelField
    """A Hub id (pinned by `revision`), a local folder, `zoo/NAME`, or a small new model."""
    revision: str | None = Field(default=None, min_length=1)
    """The Hub commit, tag or branch; a 40-digit commit makes the plan exact."""
    tokenizer: str | None = Field(default=None, min_length=1)
    """A local folder or Hub id; without it, the model's own, or the one a generated dataset brings."""
    dtype: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of SFT, log-probabilities, alignment and sampling: float32, or bfloat16 under autocast with
    float32 master weights."""
    sft: SftField = Sft()
    """Supervised fine-tuning before alignment, or false: the model is aligned as it is."""
    lora: Lora | None = None
    """Train an adapter, not all parameters: begun in SFT, and alignment goes on with it."""


class Publish(Model):
    """Where finished artifacts go. A name in the zoo for each; `push` is a stage of its own and can be retried."""

    student: str | None = Field(default=None, pattern=ZOO_NAME)
    """zoo/NAME for the student; in a matrix, `-LABEL` is appended."""
    oracle: str | None = Field(default=None, pattern=ZOO_NAME)
    """zoo/NAME for the oracle."""
    private: bool = True
    """Whether a repository created on the Hub is private."""
    license: str | None = Field(default=None, pattern=SPDX)
    """SPDX licence of what is published; without it, the base model's, where known."""
    sign_key: str | None = Field(default=None, min_length=1)
    """Path of a private key (PEM, elliptic curve) to sign with; needs the extra `sign`. The key itself goes nowhere."""


class Spec(Model):
    """One spec: oracle, student, data and method, and what to measure."""

    version: Annotated[Literal[1], BeforeValidator(no_bool)]
    """The format of this file."""
    name: str = Field(pattern=NAME)
    """Short name, used in reports and cards."""
    seed: int = Field(default=42, ge=0)
    """Seed of everything random: split, data order, new weights, sampling."""
    data: Data
    student: Student
    oracle: Oracle | None = None
    judges: dict[JudgeName, Judge] = {}
    """Other reward models that only judge, by name: `judge: NAME` in an eval."""
    method: MethodField | None = None
    """The loss: a name, or a name with its hyper-parameters. In a matrix it may be left out here."""
    train: Training = Training()
    """How the student is aligned."""
    evaluate: list[EvalField] = []
    """What to measure, in order."""
    sampler: Literal["builtin", "server"] = "builtin"
    """Who samples the responses to measure: drdoctl itself, or vLLM or another server (`resources.server`), which
    draws other random numbers."""
    matrix: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    """One student for each combination: dotted key -> list of values. What the combinations share runs once."""
    select: Select | None = None
    """Pick the best student of each group of the matrix by a validation figure."""
    publish: Publish | None = None
    zoo: str | None = Field(default=None, min_length=1)
    """Where `zoo/NAME` lives: a folder, a URL that fsspec opens, or `hub:ORG`. Without it, DRDOCTL_ZOO, the user's
    config.yaml, what ships with drdoctl, `hub:drdoctl`, in this order."""
    resources: Resources = Resources()

    @property
    def reward_models(self) -> list[tuple[str, RewardModel]]:
        """Return (section, settings) of the oracle and of every judge."""
        oracle = [] if self.oracle is None else [("oracle", self.oracle)]
        return [*oracle, *((f"judges.{name}", judge) for name, judge in self.judges.items())]
