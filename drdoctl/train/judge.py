"""Who says how good a response is: the oracle, another reward model, or the program that made a generated world.

A reward model reads each response as text, tokenised anew with its own tokenizer and closed by its end
token as in training, whether or not the student ended it: a reward is read at the end token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from drdoctl.core.files import read_json
from drdoctl.core.progress import Progress
from drdoctl.core.words import ORACLE, REFERENCE, TRUTH
from drdoctl.data import Dataset, datasets
from drdoctl.data._records import Bad
from drdoctl.data._render import Encoded
from drdoctl.train.chunks import Chunks
from drdoctl.train.places import model_location
from drdoctl.train.rendering import has_template, renderer
from drdoctl.train.reward_model import load_reward_model
from drdoctl.train.rows import TokenRows
from drdoctl.train.scoring import score_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drdoctl.evals import Eval
    from drdoctl.stages import Job
    from drdoctl.train.batches import Item
    from drdoctl.train.response_table import Prompts, Responses
    from drdoctl.train.runtime import World


def oracle_items(job: Job, prompts: Prompts, group: Responses, who: str = ORACLE) -> list[Item]:
    """Return the group's prompts and responses in the tokens of `who`, as the data stage would have made them."""
    told_prompts, references = prompts.as_read_by(who)
    asked = dict(zip(prompts.ids, told_prompts, strict=True))
    if group.label == REFERENCE:
        return [(asked[name], (ids,)) for name, ids in zip(group.ids, references[: len(group.ids)], strict=True)]
    oracle = renderer(job, who)
    if has_template(oracle):
        return [(asked[name], (oracle.encode_apart(text),)) for name, text in zip(group.ids, group.text, strict=True)]
    # without a template, prompt and response are tokenised as one text: the response starts where the two part
    told = oracle.tokenizer.batch_decode(
        [asked[name] for name in group.ids], skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    encoded = oracle.encode([(prompt, [text]) for prompt, text in zip(told, group.text, strict=True)])
    return [_item(asked[name], row) for name, row in zip(group.ids, encoded, strict=True)]


def _item(prompt: list[int], row: Encoded | Bad) -> Item:
    if isinstance(row, Bad):
        raise TypeError(f"plain text cannot be refused: {row.message}")
    return prompt[: len(prompt) - len(row.tail)], (row.responses[0],)


class OracleJudge:
    """A reward model in memory. Every process calls the same methods in the same order; the first gets the numbers."""

    def __init__(self, job: Job, world: World, name: str = ORACLE) -> None:
        """Load the oracle, or the judge of that name: an artifact among the inputs, or what lies outside the store."""
        self.job, self.world, self.name = job, world, name
        self.role, section = (ORACLE, "oracle") if name == ORACLE else (f"judge-{name}", f"judges.{name}")
        self.model = load_reward_model(model_location(job, self.role, f"{section}.model")).eval().to(world.device)
        settings = job.section(section)
        self.dtype, self.who = str(settings.get("dtype", "fp32")), str(settings.get("tokens", ORACLE))

    def responses(self, prompts: Prompts, group: Responses) -> None:
        """Fill in the group's scores, in the column that has the judge's name."""
        items = oracle_items(self.job, prompts, group, self.who)
        lengths = np.array([len(prompt) + len(answers[0]) for prompt, answers in items])

        def compute(batch: np.ndarray) -> dict[str, np.ndarray]:
            return {self.name: score_batch(self.model, [items[int(row)] for row in batch], self.dtype, logp=False)}

        found = Chunks(self.job, self.world, f"{self.role}-{group.label}", lengths).run(compute, Progress(self.job))
        group.scores.update({name: values.astype(np.float64) for name, values in (found or {}).items()})

    def margins(self) -> dict[str, np.ndarray]:
        """Return `oracle_margin` of the held-out pairs, shape (M,)."""
        rows = TokenRows(self.job.input("data"), "eval", self.who, ("chosen", "rejected"))

        def compute(batch: np.ndarray) -> dict[str, np.ndarray]:
            values = score_batch(self.model, rows.items(batch), self.dtype, logp=False)
            return {"oracle_margin": values[0::2] - values[1::2]}

        return Chunks(self.job, self.world, "oracle-pairs", rows.lengths).run(compute, Progress(self.job)) or {}


def source_dataset(job: Job) -> Dataset | None:
    """Return the dataset that the rows came from, where the data's manifest names its source."""
    manifest = read_json(job.input("data") / "manifest.json") or {}
    source: Any = manifest.get("settings", {}).get("data.source")
    if source is None:
        return None
    plain = {"name": source} if isinstance(source, str) else dict(source)
    known = datasets()
    name = plain.get("name") or next(name for name, cls in known.items() if cls.key in plain)
    return known[name].model_validate(plain).with_seed(job.settings["seed"])


def add_truth(job: Job, prompts: Prompts, groups: Sequence[Responses]) -> None:
    """Fill in the true reward and its parts, as `truth.reward`, `truth.wrong` …, where a program can tell."""
    dataset = source_dataset(job)
    if dataset is None or not dataset.has_truth:
        return
    prompt = dict(zip(prompts.ids, prompts.text, strict=True))
    for group in groups:
        rows = zip(group.ids, group.text, group.ended, strict=True)
        parts = [dataset.truth(prompt[name], text, bool(ended)) or {} for name, text, ended in rows]
        for key in parts[0]:
            group.scores[f"{TRUTH}.{key}"] = np.array([part[key] for part in parts], dtype=np.float64)


def judge(
    job: Job, world: World, parts: Sequence[Eval], prompts: Prompts, groups: Sequence[Responses], *, margins: bool
) -> dict[str, np.ndarray]:
    """Fill in the scores of all judges that the evals ask, one model in memory at a time.

    Returns the oracle's margins of the held-out pairs with `margins`, where the job has an oracle.
    """
    # every process in the same order
    asked = dict.fromkeys(name for part in parts for name in part.judges()) if groups else {}
    margins = margins and (ORACLE in job.inputs or "oracle.model" in job.locations)
    found: dict[str, np.ndarray] = {}
    if margins or ORACLE in asked:
        found = _rewards(job, world, ORACLE, prompts, groups if ORACLE in asked else (), margins=margins)
    for name in (name for name in asked if name not in (ORACLE, TRUTH)):
        _rewards(job, world, name, prompts, groups)
    if TRUTH in asked:
        add_truth(job, prompts, groups)
    return found


def _rewards(
    job: Job, world: World, name: str, prompts: Prompts, groups: Sequence[Responses], *, margins: bool = False
) -> dict[str, np.ndarray]:
    """Fill in one reward model's scores; return its margins of the held-out pairs where asked. It is gone then."""
    model = OracleJudge(job, world, name)
    for group in groups:
        model.responses(prompts, group)
    return model.margins() if margins else {}
