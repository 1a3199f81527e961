"""`drdoctl show zoo/NAME`: the card of a published artifact, or of the catalogue, and its page on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drdoctl.cli._words import duration
from drdoctl.cli._zoo import size_text
from drdoctl.cli.options import Options
from drdoctl.core.commands import quoted
from drdoctl.core.errors import UserError, ZooError
from drdoctl.core.suggest import did_you_mean

MOST_FIGURES = 24
"""More are counted; `--json` has them all."""
PACKAGES = ("drdoctl", "torch", "transformers")
"""Whose versions are shown; `--json` has them all."""
ON_TEST = "on test prompts and pairs; `--json` has the figures on validation ones too, by which students are chosen"
MARK = 12
"""Digits of a hash that are shown."""


def card(options: Options, name: str, location: str | None) -> dict[str, Any]:
    """Return what there is to say of `zoo/NAME[@REV]`: its published card, else its card of the catalogue.

    The catalogue answers where no zoo is named, or where the one that the environment or the config file names does
    not tell. Raises UserError or ZooError where neither does.
    """
    from drdoctl.zoo.location import DEFAULT, locate, parse_ref
    from drdoctl.zoo.shelf import shipped_cards

    ref, cards = parse_ref(f"zoo/{name}"), shipped_cards()
    known, where = cards.get(ref.name), locate(location, ref=f"zoo/{name}")
    if location is None and where == DEFAULT:
        if known is not None:
            return _catalogue(ref.name)
        if options.offline:
            hint = did_you_mean(ref.name, cards) or "`drdoctl ls zoo` shows the cards that ship with drdoctl"
            raise UserError(f"there is no card `zoo/{name}` here", code="unknown-name", hint=hint)
    try:
        return _published(options, name, where)
    except ZooError:
        if location is not None or known is None or ref.revision is not None:
            raise
        return _catalogue(ref.name)


def _catalogue(name: str) -> dict[str, Any]:
    from drdoctl.zoo.shelf import recipe_text, shipped_cards

    found = shipped_cards()[name]
    return {"format": 1, "kind": "card", **found.model_dump(mode="json"), "how": recipe_text(found)}


def _published(options: Options, name: str, where: str) -> dict[str, Any]:
    from drdoctl.zoo import SHIPPED
    from drdoctl.zoo.location import open_zoo, parse_ref
    from drdoctl.zoo.resolve import look_up

    ref = parse_ref(f"zoo/{name}")
    facts = look_up(ref, where, offline=options.offline)
    tags = open_zoo(where, offline=options.offline).tags(ref.name)
    shown = {"format": 1, "revision": facts.revision, "zoo": where, "tags": tags}
    example = _example(ref.name) if where == SHIPPED else None
    return {**shown, **({"example": example} if example else {}), **facts.card.model_dump(mode="json")}


def _example(name: str) -> str | None:
    """Return the path of the pairs that a shipped oracle can be tried on."""
    from drdoctl.cli._words import place
    from drdoctl.shipped import shipped
    from drdoctl.zoo.shelf import shipped_cards

    found = shipped_cards().get(name)
    return None if found is None or found.example is None else place(shipped("zoo") / found.example)


def card_page(shown: Mapping[str, Any]) -> str:
    """Return a card as text."""
    return "\n".join(_unpublished(shown) if "how" in shown else _page(shown))


def _unpublished(shown: Mapping[str, Any]) -> Iterator[str]:
    yield f"{shown['role']} zoo/{shown['name']}"
    yield from (shown["about"], "")
    recipe = f"`{shown['recipe']}`, stage `{shown['stage']}`"
    facts = ("status", "base", "data", "license", "paper")
    yield from _pairs({**{key: shown[key] for key in facts}, "recipe": recipe})
    yield from ("", shown["how"])


def _page(shown: Mapping[str, Any]) -> Iterator[str]:
    tags = [tag for tag, revision in shown["tags"].items() if revision == shown["revision"]]
    yield f"{shown['role']} zoo/{shown['name']}" + (f"  {' '.join(tags)}" if tags else "")
    yield ""
    yield from _pairs(
        {
            "zoo": shown["zoo"],
            "revision": shown["revision"],
            "tags": ", ".join(f"{tag} ({revision[:MARK]})" for tag, revision in shown["tags"].items()) or "none",
            "license": shown["license"] or "not stated; ask whoever published it",
            "base": _base(shown["base"]),
            "data": ", ".join(shown["datasets"]) or "no data set of the Hub",
            "made": _made(shown),
        }
    )
    yield from _section("Measured", [*_figures(shown), *_rewards(shown)])
    yield from _section("Before you quote a number", [*shown["warnings"], *shown.get("unmeasured", [])])
    yield from _section("Made from", _lineage(shown))
    files = [(name, size_text(entry["size"]), entry["sha256"][:MARK]) for name, entry in shown["files"].items()]
    yield from _section(f"Files, {size_text(sum(one['size'] for one in shown['files'].values()))}", _table(files))
    yield from _section("Use", _use(shown))


def _use(shown: Mapping[str, Any]) -> list[str]:
    """Return commands that can be typed as they stand."""
    from drdoctl.zoo import SHIPPED

    zoo = "" if shown["zoo"] == SHIPPED else f" --zoo {quoted(shown['zoo'])}"
    tags = [tag for tag, revision in shown["tags"].items() if revision == shown["revision"]]
    ref = f"zoo/{shown['name']}" + (f"@{tags[0]}" if tags else "")
    lines = [f"drdoctl pull {ref}{zoo}"]
    if shown["role"] == "oracle":
        lines.append(f"drdoctl score {ref} {quoted(shown.get('example', 'pairs.jsonl'))}{zoo}")
    return [*lines, f"drdoctl verify {ref}{zoo}"]


def _base(base: Mapping[str, Any]) -> str:
    if base["ref"]:
        return f"{base['ref']} at {base['revision'][:MARK]}" if base["revision"] else str(base["ref"])
    return f"a model known by its hash, {base['sha256'][:MARK]}" if base["sha256"] else "a new model"


def _made(shown: Mapping[str, Any]) -> str:
    stage = f"stage `{shown['stage'] or shown['kind']}`" + (f" of `{shown['spec_name']}`" if shown["spec_name"] else "")
    took = f" in {duration(shown['seconds'])}" if shown["seconds"] else ""
    packages = shown["packages"]
    with_ = ", ".join(f"{name} {packages[name]}" for name in PACKAGES if name in packages)
    return f"{stage}, {shown['created'][:10] or 'some time ago'}{took}" + (f", with {with_}" if with_ else "")


def _figures(shown: Mapping[str, Any]) -> list[str]:
    from drdoctl.zoo.figures import number, told

    quality = shown.get("quality") or {}
    measured = [{"metric": name, **one} for name, one in quality.items() if isinstance(one, dict) and "value" in one]
    figures = told(shown["figures"])
    rows = [_figure(plain) for plain in (*measured, *figures) if number(plain.get("value")) is not None]
    about = [f"on {quality['data']}"] if isinstance(quality.get("data"), str) else []
    about += [ON_TEST] if any(plain.get("part") for plain in figures) else []
    left = [f"and {len(rows) - MOST_FIGURES} more: `--json` has them all"] if len(rows) > MOST_FIGURES else []
    return [*_table(rows[:MOST_FIGURES]), *left, *about]


def _figure(plain: Mapping[str, Any]) -> tuple[str, ...]:
    """Return metric, value and interval, and what it was measured against and on."""
    from drdoctl.zoo.figures import number

    words = [str(plain.get("metric")), f"against {plain['against']}" if plain.get("against") else ""]
    words += [f"by {plain['judge']}" if plain.get("judge") else "", str(plain.get("group") or "")]
    low, high, temperature = (number(plain.get(key)) for key in ("low", "high", "temperature"))
    words += [f"at {temperature:g}" if temperature is not None else ""]
    between = f"[{low:.4g}, {high:.4g}]" if low is not None and high is not None else ""
    count = f"{plain['count']:,} rows" if isinstance(plain.get("count"), int) else ""
    return " ".join(filter(None, words)), f"{number(plain['value']):.4g}", between, count


def _rewards(shown: Mapping[str, Any]) -> list[str]:
    from drdoctl.zoo.figures import number

    reward = shown.get("reward") or {}
    found = [number(reward.get(key)) for key in ("mean", "std", "min", "max")]
    if None in found:
        return []
    mean, std, low, high = (f"{value:.4g}" for value in found)
    return [f"rewards: mean {mean}, standard deviation {std}, from {low} to {high}"]


def _lineage(shown: Mapping[str, Any]) -> list[str]:
    """Return a line for each artifact that this one rests on, and for what lay outside the store."""
    rows = [(shown["stage"] or shown["kind"], shown["fingerprint"][:MARK], "this")]
    parents = shown.get("parents") or [
        {"id": shown["input_ids"].get(role, role), "fingerprint": mark} for role, mark in shown["inputs"].items()
    ]
    rows += [(one["id"], one["fingerprint"][:MARK], one.get("ref") or "") for one in parents]
    outside = {**shown["externals"], **{key: mark for one in parents for key, mark in one.get("externals", {}).items()}}
    rows += [(key, mark.removeprefix("hub:")[:64], "from outside") for key, mark in outside.items()]
    return _table(rows)


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield from ("", title, *(f"  {line}" for line in lines))


def _pairs(facts: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{key}: {value}" for key, value in facts.items() if value is not None)


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a line for each row, all columns to the left."""
    if not rows:
        return []
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
