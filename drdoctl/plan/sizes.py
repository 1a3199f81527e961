"""How much there is to do: rows and tokens, from the data artifact's report where it exists, else from the source.

Guesses are named as such: what is not known is taken from the source's rows and bytes, and, for lack of those, from the
token limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drdoctl.core.architectures import Shape, shape_of
from drdoctl.core.files import read_json
from drdoctl.data import EVAL_FRACTION
from drdoctl.splits import splits
from drdoctl.stages import Want
from drdoctl.store.artifact import Store

BYTES_PER_TOKEN = 4.0
"""English text under a vocabulary of tens of thousands; only for guesses before the data stage has run."""
PROMPT_SHARE, RESPONSE_SHARE = 0.5, 0.25
"""A pair's tokens: half of them prompt, a quarter each response; only for guesses."""
LONGEST, SPREAD = 3.0, 0.5
"""The longest pair and the standard deviation of the pairs' tokens, in means; only for guesses."""


@dataclass(frozen=True)
class Rows:
    """Rows of one part and their mean lengths, in the student's tokens."""

    count: int
    prompt: float
    chosen: float
    rejected: float
    longest: float
    """Tokens of the longest pair, its prompt counted once."""
    spread: float
    """Standard deviation of the pairs' tokens."""

    @property
    def pair(self) -> float:
        """Return the tokens of a pair, its prompt counted once."""
        return self.prompt + self.chosen + self.rejected

    @property
    def single(self) -> float:
        """Return the tokens of a demonstration."""
        return self.prompt + self.chosen


@dataclass(frozen=True)
class Sizes:
    """Rows of each part of a data artifact; None where nothing tells."""

    train: Rows | None
    eval: Rows | None
    sft: Rows | None
    prompts: Rows | None
    judge: Rows | None = None
    """What judges are trained on."""


def trained_on(want: Want, sizes: Sizes) -> Rows | None:
    """Return the rows that a training stage learns from."""
    found: Rows | None = getattr(sizes, "sft" if want.kind == "sft" else want.settings.get("oracle.part", "train"))
    return found


def likely(want: Want) -> Rows:
    """Return rows to reckon memory by where nothing tells of a stage's data: the longest are as long as is allowed."""
    data = _data_of(want)
    longest = float(data.settings["data.max_tokens"]) if data is not None else 0.0
    quarter = longest / 4  # of prompt and responses; a pair is then three quarters as long as the longest
    return Rows(0, quarter, quarter, quarter, longest, 0.0)


@dataclass(frozen=True)
class Basis:
    """What estimates rest on beside the stages themselves, read once however many of them there are."""

    manifests: Sequence[Mapping[str, Any]]
    """Of all complete artifacts in the store, oldest first."""
    data: Mapping[str, Sizes]
    """Fingerprint of a data stage -> its sizes."""

    def sizes(self, want: Want) -> Sizes | None:
        """Return the sizes of the data that a stage makes or reads, or None where it does neither."""
        data = _data_of(want)
        return None if data is None else self.data[data.fingerprint]


def basis_of(wants: Sequence[Want], store: Store) -> Basis:
    """Return what estimates of these stages, or of some of them, rest on."""
    data = {one.fingerprint: one for one in map(_data_of, wants) if one is not None}
    return Basis(store.manifests(), {mark: sizes_of(one, store) for mark, one in data.items()})


def _data_of(want: Want) -> Want | None:
    return want if want.kind == "data" else want.inputs.get("data")


def sizes_of(data: Want, store: Store) -> Sizes:
    """Return the sizes of a data stage's artifact, from its report if it is there, else guessed."""
    manifest = store.manifest(data.artifact)
    report = read_json(store.path(data.artifact) / "report.json") if manifest is not None else None
    parts = report.get("parts") if isinstance(report, dict) else None
    if isinstance(parts, dict):
        return _reported(parts)
    return _goes_on(data, sizes_of(data.inputs["data"], store)) if "data" in data.inputs else _guessed(data)


def _goes_on(data: Want, before: Sizes) -> Sizes:
    """Return the sizes where a split goes on with pairs that an earlier stage leaves."""
    if before.train is None:
        return before
    train = replace(before.train, count=_kept(before.train.count, data.settings) or 0)
    # without demonstrations of their own, SFT imitates the pairs' chosen responses
    return replace(before, train=train, sft=train if before.sft == before.train else before.sft)


def _reported(parts: Mapping[str, Any]) -> Sizes:
    found = {name: _part(parts.get(name)) for name in ("train", "eval", "sft", "prompts", "judge")}
    # without demonstrations of their own, SFT imitates the pairs' chosen responses
    sft, prompts = found["sft"] or found["train"], found["prompts"] or found["eval"]
    return Sizes(found["train"], found["eval"], sft, prompts, found["judge"])


def _part(figures: Any) -> Rows | None:
    if not isinstance(figures, dict) or not isinstance(figures.get("rows"), int):
        return None

    def mean(name: str) -> float:
        return float((figures.get(f"{name}_tokens") or {}).get("mean") or 0.0)

    means = mean("prompt"), mean("chosen"), mean("rejected")
    pair = figures.get("pair_tokens") or {}
    longest, spread = pair.get("max") or LONGEST * sum(means), pair.get("sd") or SPREAD * sum(means)
    return Rows(figures["rows"], *means, longest=float(longest), spread=float(spread))


def _guessed(data: Want) -> Sizes:
    settings, rows, size = data.settings, data.sizes.get("rows"), data.sizes.get("bytes")
    source = settings["data.source"]
    limit = float(settings["data.max_tokens"])
    tokens = min(size / rows / BYTES_PER_TOKEN, limit * 1.25) if rows and size else limit * 0.5
    # a generated world's rows are as long as its limits were made for
    shape = (tokens * PROMPT_SHARE, tokens * RESPONSE_SHARE, tokens * RESPONSE_SHARE)
    longest = min(tokens * LONGEST, max(tokens, limit * 1.25))
    counts = {name: source.get(name) for name in ("eval", "sft", "prompts")}
    counts = {name: count if isinstance(count, int) else None for name, count in counts.items()}
    held_out = round(rows * (settings["data.eval_fraction"] or EVAL_FRACTION)) if rows else None
    held_out = counts["eval"] or held_out
    rest = rows if counts["eval"] else (rows - (held_out or 0) if rows else None)
    judged = round(rest * (settings.get("data.judge_fraction") or 0)) if rest else None
    train = _kept(rest - (judged or 0) if rest else None, settings)
    held_out = min(filter(None, (held_out, settings["data.max_eval_rows"])), default=None)

    def part(count: int | None) -> Rows | None:
        return Rows(count, *shape, longest=longest, spread=tokens * SPREAD) if count else None

    sft, prompts = counts["sft"] or train, counts["prompts"] or held_out
    return Sizes(part(train), part(held_out), part(sft), part(prompts), part(judged))


def _kept(rows: int | None, settings: Mapping[str, Any]) -> int | None:
    """Return about how many training pairs the split steps and `max_rows` leave."""
    if rows is None:
        return settings["data.max_rows"] if isinstance(settings["data.max_rows"], int) else None
    for step in settings["data.split"]:
        rows = splits()[step["name"]].model_validate(step).about(rows)
    return max(1, min(rows, settings["data.max_rows"] or rows))


@dataclass(frozen=True)
class ModelSize:
    """A model's parameters and what its forward pass costs."""

    shape: Shape
    parameters: int

    def forward(self, tokens: float, length: float, heads: float = 0.0) -> float:
        """Return the FLOPs of a forward pass: 2 for each weight and token, and causal attention over `length`.

        `heads`: how many of the tokens go through the LM head. Source: Kaplan et al., arXiv 2001.08361, table 1.
        """
        shape = self.shape
        attention = 2 * shape.layers * shape.q_width * length  # 4 d s for q k and for the sum, halved by causality
        head = 2 * shape.embedding * shape.vocabulary
        return tokens * (2 * shape.body + attention) + heads * head


def model_size(size: Mapping[str, Any] | None) -> ModelSize | None:
    """Return a model's size from what the plan knows of it, or None."""
    config = (size or {}).get("config")
    shape = shape_of(config) if isinstance(config, Mapping) else None
    if shape is None:
        return None
    return ModelSize(shape, int((size or {}).get("parameters") or shape.parameters))
