"""The page that a reader of the Hub sees: `README.md` with the metadata that the Hub's search reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.zoo._page_code import is_adapter, loading
from drdoctl.zoo._page_sections import QUALITY, about_oracle, cell, code, failures, origin, probes, quality
from drdoctl.zoo.card import Card
from drdoctl.zoo.figures import figure_of, interval, title, told
from drdoctl.zoo.location import DEFAULT, zoo_option

TASKS = {"oracle": "text-classification", "student": "text-generation"}
OPT_LICENCE = (
    "opt-175b-license-agreement",
    "https://github.com/facebookresearch/metaseq/blob/main/projects/OPT/MODEL_LICENSE.md",
)
OTHER_LICENCES = {f"facebook/opt-{size}": OPT_LICENCE for size in ("125m", "350m", "1.3b", "2.7b", "6.7b", "13b")}
"""Base model -> name and address of a licence that has no SPDX id: the Hub asks for both."""
ON_TEST = """On test prompts and pairs. Students are chosen by figures on others; those are in `drdoctl.json` alone."""
HUB = "https://huggingface.co"


def render(card: Card, zoo: str = DEFAULT) -> str:
    """Return the page of a card, for the zoo at a location: its commands name it. The same again gives the same."""
    import yaml

    front = yaml.safe_dump(front_matter(card), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n{_body(card, zoo_option(zoo))}"


def front_matter(card: Card) -> dict[str, Any]:
    """Return the metadata: base model, licence, tags, and the figures as `model-index`."""
    front: dict[str, Any] = {}
    if card.base.ref and not card.base.ref.startswith("zoo/"):
        front |= {"base_model": card.base.ref, "base_model_relation": "adapter" if is_adapter(card) else "finetune"}
    if card.datasets:
        front["datasets"] = card.datasets
    front["library_name"] = "peft" if is_adapter(card) else "transformers"
    front |= _licence(card)
    front["pipeline_tag"] = TASKS[card.role]
    front["tags"] = ["drdoctl", f"drdoctl-role:{card.role}", f"drdoctl-spec:{card.spec_sha256[:12]}"]
    if card.role == "oracle":
        front["tags"].insert(1, "reward-model")
    if results := _results(card):
        front["model-index"] = [{"name": card.name, "results": results}]
    return front


def _licence(card: Card) -> dict[str, str]:
    """Return the licence, with name and address where it is `other`; nothing where nobody stated one."""
    if card.license is None:
        return {}
    if card.license != "other" or not card.base.ref or card.base.ref.startswith("zoo/"):
        return {"license": card.license}
    name, link = OTHER_LICENCES.get(card.base.ref, ("that-of-the-base-model", f"{HUB}/{card.base.ref}"))
    return {"license": "other", "license_name": name, "license_link": link}


def _results(card: Card) -> list[dict[str, Any]]:
    measured = [
        {"type": name, "name": f"{QUALITY[name]}{interval(row)}", "value": row["value"]}
        for name in ("accuracy", "calibration_error", "length_correlation")
        if isinstance(row := card.quality.get(name), Mapping)
    ]
    measured += [
        {"type": figure["metric"], "name": f"{title(figure)}{interval(figure)}", "value": figure["value"]}
        for figure in told(card.figures)
        if figure_of(figure) is not None
    ]
    if not measured:
        return []
    data = card.datasets[0] if card.datasets else card.spec_name or card.name
    return [{"task": {"type": TASKS[card.role]}, "dataset": {"type": data, "name": data}, "metrics": measured}]


def _body(card: Card, option: str) -> str:
    what = "A reward model (oracle)" if card.role == "oracle" else "An aligned language model (student)"
    base = code(card.base.ref) if card.base.ref else "a model known by its hash only"
    base = base if card.base.ref or card.base.sha256 else "new weights"
    pin = f" at revision {code(card.base.revision)}" if card.base.revision else ""
    lines = [
        f"# {card.name}",
        "",
        f"{what}, made by drdoctl from {base}{pin} in stage {code(card.stage or card.kind)}.",
        "",
        f"Licence: {card.license or 'not stated; ask whoever published it'}.",
        "",
        *(about_oracle(card) if card.role == "oracle" else []),
        *loading(card, option),
        *quality(card),
        *failures(card),
        *_measured(card),
        *probes(card),
        *origin(card, option),
        "## Made from",
        "",
    ]
    lines += [f"- {code(name)}" for name in card.datasets]
    lines += ["", "| setting | value |", "| --- | --- |"]
    lines += [f"| {code(key)} | {code(str(value))} |" for key, value in sorted(card.spec.items())]
    made = ", ".join(f"{name} {version}" for name, version in sorted(card.packages.items()))
    lines += ["", f"Made with {made}." if made else ""]
    lines += ["", f"Fingerprint {code(card.fingerprint)}. `drdoctl.json` lists every file with its sha256.", ""]
    return "\n".join(lines)


def _measured(card: Card) -> list[str]:
    """Return the table of what the evaluate stage measured, each figure's warnings below it."""
    figures = told(card.figures)
    if not figures:
        return []
    divided = any(figure.get("part") for figure in figures)
    rows = ["| figure | value | 95 % interval | rows |", "| --- | --- | --- | --- |"]
    for figure in figures:
        low, high = figure.get("low"), figure.get("high")
        between = f"{low:.4g} to {high:.4g}" if low is not None and high is not None else ""
        value = figure.get("value")
        shown = f"{value:.4g}" if isinstance(value, int | float) else ""
        rows.append(
            f"| {cell(title(figure))} | {shown} {figure.get('unit', '')} | {between} | {figure.get('count', '')} |"
        )
        rows += [f"| ({cell(warning)}) | | | |" for warning in figure.get("warnings", [])]
    return ["## Measured", "", *([ON_TEST, ""] if divided else []), *rows, ""]
