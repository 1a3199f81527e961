"""The generated world must have the statistics it was designed for, and its truth must be what a reader would count."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.data import BadRow, Row, datasets
from drdoctl.data._notes_world import FOLLOWS, LEGAL_JOINS, VOCABULARY, new_facts, true_reward, word_class, write_post
from drdoctl.data._notes_writer import new_care, new_plan, write
from drdoctl.data.notes import Notes

POST = "post : my name is anna . i bought a red bike . it was at the market . it was on monday . i felt happy . tl;dr :"
PERFECT = "anna bought the red bike at the market on monday ."

FIRST = (
    (
        "post : lunch was soup . this is noah . it was on monday . i "
        "felt calm . i sold a black ladder . this was near the school . tl;dr :"
    ),
    "well , someone sold something while it was foggy and felt calm .",
    "well , someone sold something while it was foggy and had pizza and felt calm .",
    6.0,
)


def rows(part, seed=0, **options):
    """Return one part of the world as a list of good rows."""
    found = list(Notes(**options).with_seed(seed).read(part, {}))
    assert not [row for row in found if isinstance(row, BadRow)]
    return found


def edit_distance(left: list[str], right: list[str]) -> float:
    """Return the word-level Levenshtein distance over the longer length."""
    line = list(range(len(right) + 1))
    for row, word in enumerate(left, 1):
        before, line[0] = line[0], row
        for column, other in enumerate(right, 1):
            before, line[column] = line[column], min(line[column] + 1, line[column - 1] + 1, before + (word != other))
    return line[-1] / max(len(left), len(right))


@pytest.fixture(scope="module")
def pairs():
    """Return the default training pairs with the columns the statistics are taken over."""
    found = rows("train")
    gap = [
        true_reward(r.prompt, r.chosen, ended=True)["reward"] - true_reward(r.prompt, r.rejected, ended=True)["reward"]
        for r in found
    ]
    return {
        "rows": found,
        "gap": np.round(gap, 6),
        "longer": np.array([len(r.chosen.split()) > len(r.rejected.split()) for r in found]),
        "confidence": np.array([r.confidence for r in found]),
        "distance": np.array([edit_distance(r.chosen.split(), r.rejected.split()) for r in found]),
    }


def agreement(gap):
    """Return how often the label agrees with the truth, half of the ties."""
    return np.mean((gap > 0) + 0.5 * (gap == 0))


def test_it_is_a_plugin_like_any_other():
    """The folder's registry finds the world under its name, with all four parts, a truth and a tokenizer."""
    assert datasets()["notes"] is Notes
    world = Notes()
    assert all(world.has_part(part) for part in ("train", "eval", "sft", "prompts"))
    assert world.has_truth
    assert world.gives_confidence


def test_sizes_follow_the_options():
    """Every part has as many rows as its option says, with ids that never repeat."""
    for part, size in {"train": 7, "eval": 5, "sft": 3, "prompts": 9}.items():
        found = rows(part, train=7, eval=5, sft=3, prompts=9)
        assert len({row.id for row in found}) == size


def test_same_seed_same_rows_other_seed_other_rows():
    """The seed decides everything, and `with_seed` leaves the original as it was."""
    world = Notes(train=20)
    assert list(world.with_seed(3).read("train", {})) == list(world.with_seed(3).read("train", {}))
    assert list(world.with_seed(3).read("train", {})) != list(world.with_seed(4).read("train", {}))
    assert list(world.read("train", {})) == list(world.with_seed(0).read("train", {}))


def test_sizes_do_not_disturb_other_rows():
    """More rows of one part leave the first rows of every part as they were."""
    small, large = Notes(train=10, prompts=5).with_seed(1), Notes(train=30, prompts=50).with_seed(1)
    assert list(small.read("train", {})) == list(large.read("train", {}))[:10]
    assert list(small.read("prompts", {})) == list(large.read("prompts", {}))[:5]


def test_first_rows_never_change():
    """The very first draws are pinned: a change to the world must be seen and its stage version raised."""
    row = rows("train", train=1)[0]
    assert (row.prompt, row.chosen, row.rejected, row.confidence) == FIRST


def test_dev_and_test_prompts_differ():
    """Settings chosen on dev prompts are not chosen on the prompts that the figures are read on."""
    test, dev = rows("prompts"), rows("prompts", prompts_from="dev")
    assert not {row.prompt for row in test} & {row.prompt for row in dev}


def test_prompts_have_the_designed_length():
    """A post has 27 to 42 words, about 34 on average."""
    words = [len(row.prompt.split()) for row in rows("prompts", prompts=4000)]
    assert (min(words), max(words)) == (27, 42)
    assert np.mean(words) == pytest.approx(34, abs=0.7)


def test_responses_have_the_designed_shape():
    """Writers use 12.7 words and at most 29, never break a join, and say about three facts right."""
    parts = [true_reward(row.prompt, row.chosen, ended=True) for row in rows("sft")]
    words = [part["words"] for part in parts]
    assert np.mean(words) == pytest.approx(12.7, abs=0.2)
    assert max(words) <= 29
    assert max(part["broken"] for part in parts) == 0
    assert np.mean([part["right"] for part in parts]) == pytest.approx(3.08, abs=0.1)


def test_labels_are_as_noisy_as_designed(pairs):
    """Labels agree with the truth .77 of the time, the reward gap spreads by 2.0, brevity is not the naive bias."""
    assert agreement(pairs["gap"]) == pytest.approx(0.77, abs=0.02)
    assert pairs["gap"].std() == pytest.approx(2.0, abs=0.15)
    assert pairs["longer"].mean() == pytest.approx(0.35, abs=0.04)
    assert all(row.chosen != row.rejected for row in pairs["rows"])


def test_larger_tau_makes_noisier_labels():
    """At tau 3 labels agree with the truth .61 of the time."""
    found = rows("train", tau=3.0, train=2000)
    gap = [
        true_reward(r.prompt, r.chosen, ended=True)["reward"] - true_reward(r.prompt, r.rejected, ended=True)["reward"]
        for r in found
    ]
    assert agreement(np.round(gap, 6)) == pytest.approx(0.61, abs=0.03)


@pytest.mark.parametrize(
    ("split", "size", "confidence", "distance", "agree"),
    [("all", 4096, 5.7, 0.47, 0.77), ("easy", 1494, 8.1, 0.74, 0.92), ("hard", 1257, 3.3, 0.19, 0.62)],
)
def test_median_splits_have_the_designed_shape(pairs, split, size, confidence, distance, agree):
    """Splitting at the medians of confidence and edit distance gives pairs as easy and as hard as designed."""
    sure, far = pairs["confidence"], pairs["distance"]
    easy = (sure >= np.median(sure)) & (far >= np.median(far))
    hard = (sure < np.median(sure)) & (far < np.median(far))
    keep = {"all": sure > 0, "easy": easy, "hard": hard}[split]
    assert keep.sum() == pytest.approx(size, rel=0.15)
    assert sure[keep].mean() == pytest.approx(confidence, abs=0.6)
    assert far[keep].mean() == pytest.approx(distance, abs=0.06)
    assert agreement(pairs["gap"][keep]) == pytest.approx(agree, abs=0.035)


def test_confidence_is_a_whole_number_from_one_to_nine(pairs):
    """The labeller's confidence is on the nine-point scale of the TL;DR comparisons."""
    assert set(pairs["confidence"]) == set(range(1, 10))


@pytest.mark.parametrize(
    ("response", "ended", "reward", "part", "value"),
    [
        (PERFECT, True, 4.9, "right", 6),
        (PERFECT, False, 3.9, "words", 11),
        ("ben bought the red bike at the market on monday .", True, 2.9, "wrong", 1),
        ("anna bought the red bike at the market on monday and felt happy .", True, 4.6, "wrong", 0),
        ("anna bought the red bike at the market on monday and had soup .", True, 3.6, "wrong", 1),
        ("anna bought the red bike at the market on monday and on monday .", True, 4.1, "twice", 1),
        ("anna bought the red bike at the market on monday", True, 4.5, "broken", 1),
        ("anna bought red the bike at the market on monday .", True, 3.9, "broken", 2),
        ("", True, -0.5, "broken", 1),
        ("gibberish", True, -1.1, "broken", 2),
    ],
)
def test_truth_counts_what_a_reader_would(response, ended, reward, part, value):
    """Facts, errors, words, repeats, broken joins and a missing end cost what the definition says."""
    found = Notes().truth(POST, response, ended)
    assert found["reward"] == pytest.approx(reward)
    assert found[part] == value


def test_nothing_beats_the_ceiling():
    """No writer earns more than 4.9, and some earn exactly that."""
    best = max(true_reward(row.prompt, row.chosen, ended=True)["reward"] for row in rows("sft"))
    assert best == pytest.approx(4.9)


@given(st.lists(st.sampled_from(VOCABULARY), max_size=40), st.booleans())
def test_truth_answers_for_any_words(words, ended):
    """Whatever a student says, the reward is the sum of its parts and at most 4.9."""
    found = true_reward(POST, " ".join(words), ended=ended)
    total = (
        found["right"] - found["wrong"] - 0.1 * found["words"] - 0.5 * (found["twice"] + found["broken"]) - (not ended)
    )
    assert found["reward"] == pytest.approx(total)
    assert found["reward"] <= 4.9 + 1e-9


def test_legal_joins_are_exactly_what_writers_produce():
    """The table of legal joins has 73 entries, and 20,000 sentences show each of them and no other."""
    rng, seen = Random(0), set()  # noqa: S311  # repeatable draws are meant
    for _ in range(20_000):
        classes = ["^", *map(word_class, write(new_plan(new_facts(rng), new_care(rng), rng)).split())]
        seen.update(pairwise(classes))
    assert len(LEGAL_JOINS) == 73
    assert seen == LEGAL_JOINS
    assert sum(len(after.split()) for after in FOLLOWS.values()) == 73


def test_vocabulary_covers_posts_and_responses():
    """The 123 words are distinct, and every text of the world tokenises word by word and back."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(Notes().tokenizer_json())
    assert tokenizer.get_vocab_size() == len(set(VOCABULARY)) == 123
    assert (tokenizer.token_to_id("<pad>"), tokenizer.token_to_id("<eos>")) == (0, 1)
    for row in rows("train", train=300):
        for text in (row.prompt, row.chosen, row.rejected):
            ids = tokenizer.encode(text).ids
            assert len(ids) == len(text.split())
            assert 0 not in ids
            assert tokenizer.decode(ids) == text


def test_tokenizer_text_is_stable_json():
    """The tokenizer's text is the same every time and is plain JSON."""
    assert Notes().tokenizer_json() == Notes().tokenizer_json()
    assert json.loads(Notes().tokenizer_json())["model"]["type"] == "WordLevel"


def test_post_tells_each_fact_once():
    """Every value word of a post stands in it exactly once, so that truth can read the post back."""
    rng = Random(5)  # noqa: S311  # repeatable draws are meant
    for _ in range(200):
        facts = new_facts(rng)
        words = write_post(facts, rng).split()
        assert all(words.count(word) == 1 for word in facts.values())


def test_rows_carry_what_their_part_promises():
    """Pairs have two responses, demonstrations one, prompts a reference only."""
    assert all(row.chosen and row.rejected for row in rows("eval", eval=5))
    assert all(row.chosen and row.rejected is None for row in rows("sft", sft=5))
    assert all(isinstance(row, Row) and row.chosen is None and row.reference for row in rows("prompts", prompts=5))
