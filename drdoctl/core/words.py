"""Words that figures, tables and stages share: who is compared, who judges, on which prompts, what is stamped."""

from __future__ import annotations

from collections.abc import Sequence

STAGES = ("data", "sft", "oracle", "rewards", "logps", "align", "evaluate", "publish")
"""Kinds of stages, in the order of the pipeline."""
SFT, REFERENCE = "sft", "reference"
"""Baselines: the start model's samples of the same prompts, and the logged responses."""
ORACLE, TRUTH = "oracle", "truth"
"""Judges that a spec need not name: its oracle, and the program of a generated world."""
LLM = "llm:"
"""What the name of a judge begins with that is a language model."""
VALIDATION, TEST = "validation", "test"
"""Prompts (and their pairs) that students are chosen on, and those that figures are read on."""
SAMPLE_COLUMNS = ("id", "sampling", "temperature", "top_p", "max_new_tokens", "response", "tokens", "ended", "part")
"""Columns of `samples.parquet` that are no judge's scores."""
TEACHER = "judge = teacher"
KIN = "judge was trained on the pairs that the teachers were trained on"
LABELLER = "judge = labeller: the training pairs were relabelled by it"
STAMPS = (TEACHER, KIN, LABELLER)
"""What a reader must know of a judge that is not independent of the student it judges."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""Of every JSON Schema that `drdoctl schema` prints."""
NAMED = 8
"""Names in a line; more are counted."""


def listed(names: Sequence[str]) -> str:
    """Return names behind commas, and how many more there are than a line is to hold."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
