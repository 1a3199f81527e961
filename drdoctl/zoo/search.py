"""Search: what a zoo or the catalogue holds, and which of it has a role, a base model, a tag or a figure.

A folder's cards are read, each with its tags. On the Hub the list of models brings what their pages say of themselves
(`cardData`), so that a search takes as many requests as the list has pages, and no download.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from drdoctl.core.commands import quoted
from drdoctl.core.errors import IntegrityError, ZooError
from drdoctl.zoo import SHIPPED, Zoo
from drdoctl.zoo.card import Card, parse_card
from drdoctl.zoo.card_faults import NEWER
from drdoctl.zoo.figures import TELLING, Figure, figures_of, indexed, lowest
from drdoctl.zoo.hub import HubZoo
from drdoctl.zoo.location import open_zoo
from drdoctl.zoo.shelf import shipped_cards

AT_ONCE = 8
"""Cards that are read at the same time: far away, waiting is most of it."""
DAMAGED = ("card", "zoo-revision", "zoo-unknown")
"""Codes of what is wrong with one name alone, which may also have gone since it was listed."""
ROLE_TAG = "drdoctl-role:"


@dataclass(frozen=True)
class Entry:
    """One name, as lists show it."""

    name: str
    status: str
    role: str = ""
    base: str = ""
    about: str = ""
    license: str = ""
    revision: str | None = None
    """The immutable id of the newest."""
    versions: tuple[str, ...] = ()
    """Tags of revisions: `v1`. Empty where the list does not tell, as on the Hub."""
    labels: tuple[str, ...] = ()
    """What else `--tag` finds: tags of the Hub's page, data sets, the recipe."""
    figures: tuple[Figure, ...] = ()
    asked: tuple[str, ...] = ()
    """The metrics that were searched by, which tell most then."""

    @property
    def figure(self) -> Figure | None:
        """Return the figure that tells most; of several of one metric the one that a search goes by (`lowest`)."""
        by_metric = lowest(self.figures)
        return next((by_metric[metric] for metric in (*self.asked, *TELLING, *by_metric) if metric in by_metric), None)


@dataclass(frozen=True)
class Wanted:
    """What a search asks for; None asks for nothing."""

    role: str | None = None
    base: str | None = None
    """Part of the base model's name; case does not count."""
    tag: str | None = None
    """A revision's tag, or a label."""
    least: Mapping[str, float] | None = None
    """Metric -> the least value; of several figures of a metric the lowest is compared."""

    def fits(self, entry: Entry) -> bool:
        """Tell whether an entry is what is asked for."""
        by_metric = lowest(entry.figures)
        return (
            self.role in (None, entry.role)
            and (self.base or "").lower() in entry.base.lower()
            and (self.tag is None or self.tag in (*entry.versions, *entry.labels))
            and all(
                metric in by_metric and by_metric[metric].value >= least for metric, least in (self.least or {}).items()
            )
        )


def search(wanted: Wanted, location: str | None, *, offline: bool = False) -> list[Entry]:
    """Return the entries of a zoo, or of the catalogue (`location` None), that fit, by name.

    Raises what opening and listing the zoo raises. A single card that is damaged, or newer, is an entry that says so.
    """
    asked = tuple(wanted.least or ())
    return [replace(entry, asked=asked) for entry in _found(wanted, location, offline=offline)]


def _found(wanted: Wanted, location: str | None, *, offline: bool) -> list[Entry]:
    if location is None:
        return [entry for entry in catalogue() if wanted.fits(entry)]
    zoo = open_zoo(location, offline=offline)
    if isinstance(zoo, HubZoo):
        return _on_hub(zoo, wanted)
    return [entry for entry in in_folder(zoo) if wanted.fits(entry)]


def catalogue() -> list[Entry]:
    """Return the catalogue: what ships with all that its published card says, the rest as known."""
    there = {entry.name: entry for entry in in_folder(open_zoo(SHIPPED))}
    entries = []
    for name, card in shipped_cards().items():
        entry = there.get(name) or Entry(name, card.status, card.role, license=card.license)
        labels = (*entry.labels, card.data, card.recipe)
        entries.append(replace(entry, status=card.status, base=card.base, about=card.about, labels=labels))
    return entries


def in_folder(zoo: Zoo) -> list[Entry]:
    """Return what a zoo holds by reading each newest card and its tags."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda name: _entry(zoo, name), zoo.names()))


def _entry(zoo: Zoo, name: str) -> Entry:
    try:
        revision = zoo.resolve(name)
        card = parse_card(zoo.card(name, revision), name=name, where=f"`{zoo.location}`")
    except (IntegrityError, ZooError) as error:
        if error.faults[0].code == NEWER:
            return Entry(name, "unknown", about=str(error.faults[0].hint))
        if error.faults[0].code not in DAMAGED:
            raise
        told = f"`drdoctl verify zoo/{quoted(name)} --zoo {quoted(zoo.location)}` says how"
        return Entry(name, "damaged", about=told)
    return Entry(
        name,
        "published",
        card.role,
        card.base.ref or "",
        about_of(card),
        card.license or "",
        revision,
        tuple(zoo.tags(name)),
        ("drdoctl", f"{ROLE_TAG}{card.role}", f"drdoctl-spec:{card.spec_sha256[:12]}", *card.datasets),
        figures_of(card),
    )


def about_of(card: Card) -> str:
    """Return what a published artifact is, in a sentence."""
    what = "reward model" if card.role == "oracle" else "aligned language model"
    stage = f"`{card.stage or card.kind}`" + (f" of `{card.spec_name}`" if card.spec_name else "")
    return f"{what}, made by stage {stage}"


def _on_hub(zoo: HubZoo, wanted: Wanted) -> list[Entry]:
    """Return what fits of an organisation. Only where a tag is none of a page's are revisions' tags asked for."""
    tags = (f"{ROLE_TAG}{wanted.role}",) if wanted.role else ()
    found = [_of_model(model) for model in zoo.models(tags, expand=["cardData", "private", "sha", "tags"])]
    other = [entry for entry in found if replace(wanted, tag=None).fits(entry)]
    if wanted.tag is not None and not any(wanted.tag in entry.labels for entry in other):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            versions = pool.map(lambda entry: tuple(zoo.tags(entry.name)), other)
        other = [replace(entry, versions=tags) for entry, tags in zip(other, versions, strict=True)]
    return sorted((entry for entry in other if wanted.fits(entry)), key=lambda entry: entry.name)


def _of_model(model: Any) -> Entry:
    """Return the entry of a model in the Hub's list. Its page may have been written by anybody: nothing is sure."""
    data = model.card_data.to_dict() if model.card_data is not None else {}
    tags = [tag for tag in (model.tags or []) if isinstance(tag, str)]
    roles = [tag.removeprefix(ROLE_TAG) for tag in tags if tag.startswith(ROLE_TAG)]
    bases, datasets = (_words(data.get(key)) for key in ("base_model", "datasets"))
    return Entry(
        model.id.split("/", 1)[1],
        "private" if model.private else "published",
        roles[0] if roles else "",
        bases[0] if bases else "",
        license=next(iter(_words(data.get("license"))), ""),
        revision=model.sha,
        labels=(*tags, *datasets),
        figures=tuple(_indexed(data)),
    )


def _words(value: Any) -> list[str]:
    return [word for word in (value if isinstance(value, list) else [value]) if isinstance(word, str)]


def _indexed(data: Mapping[str, Any]) -> Iterable[Figure]:
    """Yield the figures of a page's `model-index`, as the client's card gives them."""
    results = data.get("model-index") or []
    lists: list[Any] = [results] if isinstance(results, dict) else results if isinstance(results, list) else []
    for model in lists:
        for result in (model.get("results") or []) if isinstance(model, dict) else []:
            for metric in (result.get("metrics") or []) if isinstance(result, dict) else []:
                if isinstance(metric, dict) and (figure := indexed(metric)):
                    yield figure
