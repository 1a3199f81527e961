"""Tables of pairs for the tests of splits, drawn by hypothesis or from a seed."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from drdoctl.core.chance import mixed
from drdoctl.splits import PairTable


def pairs(count, seed=0, **columns):
    """Return a table of so many made-up pairs, with some columns given."""
    rng = np.random.default_rng(seed)
    made = {
        "ids": [f"row-{at}" for at in range(count)],
        "confidence": rng.integers(1, 10, count).astype(float),
        "edit_distance": rng.random(count).round(3),
        "chosen_tokens": rng.integers(5, 40, count),
        "rejected_tokens": rng.integers(5, 40, count),
        "prompt_tokens": rng.integers(10, 90, count),
        "score_margin": rng.normal(size=count),
        "keys": mixed(np.arange(count, dtype=np.uint64), seed, 99),
        "oracle_margin": rng.normal(size=count).round(1),
    }
    return PairTable(**{**made, **columns})


tables = st.builds(pairs, st.integers(0, 60), st.integers(0, 10))


def shuffled(table, order):
    """Return the same pairs in another order."""
    columns = {name: values for name, values in vars(table).items() if name != "ids"}
    return PairTable([table.ids[at] for at in order], **{name: values[order] for name, values in columns.items()})
