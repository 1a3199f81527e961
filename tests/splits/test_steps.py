"""What must hold of every list of steps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from split_tables import pairs, shuffled, tables

from drdoctl.core.errors import UserError
from drdoctl.splits import PairTable, splits
from drdoctl.splits._apply import apply_steps
from drdoctl.splits._statistics import statistics

STEPS = [
    {"name": "all"},
    {"name": "easy", "quantile": 0.2},
    {"name": "easy", "by": "oracle", "edit_distance": 0.3},
    {"name": "hard", "quantile": 0.8},
    {"name": "hard", "confidence": 7.0, "edit_distance_quantile": 0.9},
    {"name": "confidence", "at_least": 3.0},
    {"name": "edit-distance", "to_quantile": 0.7},
    {"name": "lengths", "max_ratio": 4.0, "min_prompt_tokens": 15},
    {"name": "margin", "at_least": 0.2},
    {"name": "margin", "by": "oracle", "from_quantile": 0.2},
    {"name": "label-noise", "fraction": 0.3},
    {"name": "relabel"},
    {"name": "sample", "fraction": 0.7},
    {"name": "length-bias", "rho": 0.5, "size": 4},
]
steps = st.lists(st.sampled_from(STEPS), max_size=4)


def made(plain, table, before=None):
    """Return ids -> whether turned round, or what the step said it lacked."""
    try:
        found = apply_steps(plain, {**vars(table)}, 3, before)
    except UserError as error:
        return error.faults[0].code
    return {table.ids[row]: bool(flip) for row, flip in zip(found.rows, found.flipped, strict=True)}


def test_every_split_is_tried():
    """The steps here are of all the splits there are."""
    assert {step["name"] for step in STEPS} == set(splits())


def test_rows_say_what_was_turned_round():
    """Wherever a step turns a label round, it is one of those that may, and the rows have the mark."""
    may = {name for name, cls in splits().items() if cls.model_construct(name=name).flips}
    assert may == {"label-noise", "length-bias", "relabel"}
    for step in STEPS:
        found = apply_steps([step], {**vars(pairs(60))}, 3)
        assert found.flips == bool(found.flipped.any()) == (step["name"] in may), step


@given(tables, steps, st.randoms(use_true_random=False))
def test_the_order_of_the_source_does_not_matter(table, plain, random):
    """The same pairs are kept and the same labels turned round, whatever order the source has."""
    order = list(range(len(table)))
    random.shuffle(order)
    assert made(plain, table) == made(plain, shuffled(table, np.array(order, dtype=int)))


@given(tables, steps, steps)
def test_steps_compose(table, first, second):
    """A list of steps is its first part, and then its second part on what that leaves."""
    whole = made([*first, *second], table)
    columns = {**vars(table)}
    try:
        early = apply_steps(first, columns, 3)
    except UserError as error:
        early = None
        said = error.faults[0].code
    if early is None:
        assert whole == said
        return
    kept = {name: values[early.rows] for name, values in columns.items() if name != "ids"}
    for one, other in (("chosen_tokens", "rejected_tokens"),):
        a, b = kept[one], kept[other]
        kept[one], kept[other] = np.where(early.flipped, b, a), np.where(early.flipped, a, b)
    for name in ("score_margin", "oracle_margin"):
        kept[name] = np.where(early.flipped, -kept[name], kept[name])
    left = PairTable([table.ids[row] for row in early.rows], **kept)
    assert made(second, left, before=early.flipped) == whole
    assert apply_steps([], {**vars(left)}, 3, early.flipped).table[0] == {**early.table[-1], "after": "all rows"}


@given(tables, steps)
def test_indices_ascend_and_the_table_follows(table, plain):
    """What is kept is ascending and there, and the statistics have a row for all pairs and one for each step."""
    try:
        found = apply_steps(plain, {**vars(table)}, 0)
    except UserError:
        return
    assert (np.diff(found.rows) > 0).all()
    assert len(found.flipped) == len(found.rows) == found.table[-1]["rows"]
    assert [row["after"] for row in found.table] == ["all rows", *(step["name"] for step in plain)]
    assert [record["kept"] for record in found.records] == [row["rows"] for row in found.table[1:]]
    assert found.table[-1]["flipped"] == found.flipped.sum()


def test_noise_twice_and_back():
    """Turning all labels round twice leaves the pairs as they were, and none is marked."""
    found = apply_steps([{"name": "label-noise", "fraction": 1.0}] * 2, {**vars(pairs(20))}, 0)
    assert [row["flipped"] for row in found.table] == [0, 20, 0]
    assert found.table[0] | {"after": ""} == found.table[2] | {"after": ""}


def test_an_oracle_overrules_noise():
    """After `relabel` the labels are the oracle's, whatever was turned round before."""
    table = pairs(50, oracle_margin=np.linspace(-1, 1, 50))
    noisy = made([{"name": "label-noise", "fraction": 0.5}, {"name": "relabel"}], table)
    assert noisy == made([{"name": "relabel"}], table)
    assert sum(noisy.values()) == 25


def test_statistics_by_hand():
    """Means, medians and shares of three pairs, of which one is of like length."""
    table = pairs(
        3,
        confidence=np.array([1.0, 2.0, np.nan]),
        edit_distance=np.array([0.1, 0.2, 0.6]),
        chosen_tokens=np.array([10, 20, 10]),
        rejected_tokens=np.array([20, 10, 10]),
    )
    assert statistics(table, np.array([True, False, False])) == {
        "rows": 3,
        "mean_confidence": 1.5,
        "median_confidence": 1.5,
        "mean_edit_distance": 0.3,
        "median_edit_distance": 0.2,
        "mean_length_ratio": 1.666667,
        "median_length_ratio": 2.0,
        "unlike_lengths": 0.666667,
        "longer_chosen": 0.5,
        "flipped": 1,
    }
