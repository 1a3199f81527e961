"""The writers of the generated world `notes`: one sentence about a post, told with more or less care.

A response is a plan of thirteen decisions. Care q lies between 0 and 1 (q = U^1.5: most writers are careless): the
careful say the key facts and say them right, the careless add chatter, repeat themselves and get things wrong.
"""

from __future__ import annotations

from random import Random

from drdoctl.data._notes_world import CHATTER, KEY, VALUES, Facts, pick

OPENERS = ("so", "well ,", "basically", "it's about")
DECISIONS = ("opener", "front", "article", *KEY, *CHATTER, "twice")
REPEATABLE = ("day", "place", "item")
EDITABLE = ("opener", *KEY, *CHATTER, "twice")
"""What an edit redraws: what is said, not in which order; else too many edited pairs would be ties."""

WriterPlan = dict[str, str]
"""Decision -> its outcome; the empty string stands for leaving it out."""


def new_care(rng: Random) -> float:
    """Draw a writer's care q."""
    return float(rng.random() ** 1.5)


def decide(name: str, facts: Facts, care: float, rng: Random) -> str:
    """Draw the outcome of one decision of a writer with this care."""
    chance = rng.random()
    if name == "front":
        return "day" if chance < 0.25 else "place" if chance < 0.5 else ""
    if name == "article":
        return "a" if chance < 0.5 else "the"
    if chance >= _said(name, care):
        return ""
    if name == "opener":
        return pick(OPENERS, rng)
    if name == "twice":
        return pick(REPEATABLE, rng)
    faithful = rng.random() < 1 - (0.2 if name in CHATTER else 0.25) * (1 - care)
    return facts[name] if faithful and name in facts else pick(VALUES[name], rng)


def _said(name: str, care: float) -> float:
    """Return the probability that a writer with this care says it at all."""
    if name == "act":
        return 1.0
    if name in KEY:
        return 0.25 + 0.7 * care
    return (1 - care) * (0.8 if name == "opener" else 0.4 if name == "twice" else 0.65)


def new_plan(facts: Facts, care: float, rng: Random) -> WriterPlan:
    """Draw all decisions."""
    return {name: decide(name, facts, care, rng) for name in DECISIONS}


def edited(plan: WriterPlan, facts: Facts, care: float, rng: Random) -> WriterPlan:
    """Return the plan with one decision of what to say drawn anew (which may leave the text as it was)."""
    name = pick(EDITABLE, rng)
    return {**plan, name: decide(name, facts, care, rng)}


def write(plan: WriterPlan) -> str:
    """Return `[opener] [front ,] who act a|the [col] [item] [at the place] [on day] [and twice] [chatter] .`."""
    phrase = {
        "place": f"at the {plan['place']}" if plan["place"] else "",
        "day": f"on {plan['day']}" if plan["day"] else "",
        "item": f"the {plan['item']}" if plan["item"] else "",
    }
    front = phrase.get(plan["front"], "")
    thing = f"{plan['article']} {plan['col']} {plan['item']}" if plan["item"] else "something"
    again = phrase.get(plan["twice"], "")
    pieces = [
        plan["opener"],
        f"{front} ," if front else "",
        plan["who"] or "someone",
        plan["act"],
        thing,
        *(phrase[slot] for slot in ("place", "day") if slot != plan["front"]),
        f"and {again}" if again else "",
        f"while it was {plan['sky']}" if plan["sky"] else "",
        f"and had {plan['food']}" if plan["food"] else "",
        f"and felt {plan['mood']}" if plan["mood"] else "",
        ".",
    ]
    return " ".join(" ".join(pieces).split())
