"""The words, posts and true reward of the generated world `notes`.

A post tells six key facts and one to three pieces of chatter, each in a sentence of its own, in any order. The values
of the slots are disjoint, so a word names its slot and a program can check every word of a response against the post.
"""
# ruff: noqa: SIM905  # word lists read best as sentences

from __future__ import annotations

import json
from itertools import pairwise
from random import Random

VALUES: dict[str, tuple[str, ...]] = {
    "who": tuple("anna ben carla david elena frank grace henry irene jack kate leo maria noah olga peter".split()),
    "act": tuple("bought found lost sold broke painted cleaned borrowed".split()),
    "col": tuple("red blue green yellow black white purple orange".split()),
    "item": tuple(
        "bike lamp chair clock guitar kettle ladder mirror phone radio scarf table tent umbrella vase watch".split()
    ),
    "place": tuple("market station library harbour school museum bakery garden airport bridge church stadium".split()),
    "day": tuple("monday tuesday wednesday thursday friday saturday sunday".split()),
    "sky": tuple("sunny rainy windy cloudy foggy snowy".split()),
    "food": tuple("soup pasta rice salad pizza curry toast fish".split()),
    "mood": tuple("happy tired bored proud angry calm".split()),
}
KEY = ("who", "act", "col", "item", "place", "day")
CHATTER = ("sky", "food", "mood")
SLOT = {word: slot for slot, words in VALUES.items() for word in words}

SENTENCES: tuple[tuple[str, ...], ...] = (
    ("my name is {who} .", "this is {who} .", "{who} here ."),
    ("i {act} a {col} {item} .", "so i {act} my {col} {item} .", "i just {act} the {col} {item} ."),
    ("it was at the {place} .", "this was near the {place} ."),
    ("it was on {day} .", "that was {day} ."),
)
CHATTER_SENTENCES = {
    "sky": ("it was {sky} outside .",),
    "food": ("i had {food} for lunch .", "lunch was {food} ."),
    "mood": ("i felt {mood} .",),
}
POST_WORDS = (
    "post : tl;dr my name is . this here i a so just the it was at near on that outside had for lunch felt".split()
)
RESPONSE_WORDS = "someone something well , basically it's about and while".split()
SPECIAL = ("<pad>", "<eos>")
VOCABULARY = (*SPECIAL, *POST_WORDS, *RESPONSE_WORDS, *SLOT)

AFTER_OPENER = "at on someone WHO"
FOLLOWS = {
    "^": f"so well basically it's {AFTER_OPENER}",
    "so": AFTER_OPENER,
    "well": ",",
    "basically": AFTER_OPENER,
    "it's": "about",
    "about": AFTER_OPENER,
    ",": AFTER_OPENER,
    "at": "the",
    "on": "DAY",
    "the": "PLACE COL ITEM",
    "WHO": "ACT",
    "someone": "ACT",
    "ACT": "a the something",
    "a": "COL ITEM",
    "COL": "ITEM",
    "ITEM": "at on and while .",
    "something": "at on and while .",
    "PLACE": ", on and while .",
    "DAY": ", and while .",
    "and": "at on the had felt",
    "while": "it",
    "it": "was",
    "was": "SKY",
    "SKY": "and .",
    "had": "FOOD",
    "FOOD": "and .",
    "felt": "MOOD",
    "MOOD": ".",
}
"""Every pair of neighbouring word classes that a writer can produce; `^` stands before the first word. 73 pairs."""
LEGAL_JOINS = frozenset((left, right) for left, rights in FOLLOWS.items() for right in rights.split())

Facts = dict[str, str]
"""Slot -> the word that the post gives it; chatter that the post leaves out is not there."""


def pick(words: tuple[str, ...], rng: Random) -> str:
    """Return one of the words, each equally likely. Uses one `random()`, whose values Python promises to keep."""
    return words[int(rng.random() * len(words))]


def shuffled(items: list[str], rng: Random) -> list[str]:
    """Return the items in random order, by one `random()` each."""
    return [item for _, item in sorted((rng.random(), item) for item in items)]


def new_facts(rng: Random) -> Facts:
    """Draw what a post will tell: all six key facts, and one, two or three of the chatter slots."""
    told = [*KEY, *shuffled(list(CHATTER), rng)[: 1 + int(rng.random() * len(CHATTER))]]
    return {slot: pick(VALUES[slot], rng) for slot in told}


def write_post(facts: Facts, rng: Random) -> str:
    """Return the prompt: `post : <sentences, shuffled> tl;dr :`, 27 to 42 words."""
    forms = [*SENTENCES, *(CHATTER_SENTENCES[slot] for slot in CHATTER if slot in facts)]
    sentences = [pick(form, rng).format(**facts) for form in forms]
    return f"post : {' '.join(shuffled(sentences, rng))} tl;dr :"


def word_class(word: str) -> str:
    """Return the slot of a value word in capitals; any other word is a class of its own."""
    slot = SLOT.get(word)
    return slot.upper() if slot else word


def true_reward(prompt: str, response: str, *, ended: bool) -> dict[str, float]:
    """Return the true reward of a response and its parts.

    reward = right - wrong - 0.1 words - 0.5 twice - 0.5 broken - (0 if ended else 1), where `right` counts key facts
    told as the post has them (0 to 6, each once), `wrong` value words that the post does not bear out, `words` all
    words with commas and stops, `twice` value words said again, and `broken` neighbouring words that no writer puts
    side by side, a missing final stop included. At best 4.9: all six facts in eleven words.
    """
    post = set(prompt.split())
    words = response.split()
    values = [word for word in words if word in SLOT]
    right = len({word for word in values if word in post and SLOT[word] in KEY})
    wrong = sum(word not in post for word in values)
    twice = len(values) - len(set(values))
    classes = ["^", *(word_class(word) for word in words)]
    broken = sum(join not in LEGAL_JOINS for join in pairwise(classes)) + (classes[-1] != ".")
    reward = right - wrong - 0.1 * len(words) - 0.5 * twice - 0.5 * broken - (0.0 if ended else 1.0)
    parts = {"reward": reward, "right": right, "wrong": wrong, "words": len(words), "twice": twice, "broken": broken}
    return {key: float(value) for key, value in parts.items()}


def tokenizer_text() -> str:
    """Return a `tokenizer.json`: one token a word, split at spaces, no token put in front. `<eos>` ends a response."""
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": index, "content": word, **special} for index, word in enumerate(SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: index for index, word in enumerate(VOCABULARY)},
            "unk_token": "<unk>",  # not in the vocabulary, so a word from outside the world is an error
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
