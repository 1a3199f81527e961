"""The page that a reader of the Hub sees: `README.md` with the metadata that the Hub's search reads."""

from __future__ import annotations

import math
from typing import Any

from drdoctl.core.adapters import ADAPTER_CONFIG, NF4
from drdoctl.zoo.card import Card

TASKS = {"oracle": "text-classification", "student": "text-generation"}
LOADERS = {"oracle": "AutoModelForSequenceClassification", "student": "AutoModelForCausalLM"}
ADAPTER_LOADERS = {"oracle": "AutoPeftModelForSequenceClassification", "student": "AutoPeftModelForCausalLM"}


def render(card: Card) -> str:
    """Return the page of a card. The same card gives the same page."""
    import yaml

    front = yaml.safe_dump(front_matter(card), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n{_body(card)}"


def front_matter(card: Card) -> dict[str, Any]:
    """Return the metadata: base model, licence, tags, and the figures as `model-index`."""
    front: dict[str, Any] = {}
    if card.base.ref and not card.base.ref.startswith("zoo/"):
        front |= {"base_model": card.base.ref, "base_model_relation": "adapter" if _is_adapter(card) else "finetune"}
    if card.datasets:
        front["datasets"] = card.datasets
    front |= {
        "library_name": "peft" if _is_adapter(card) else "transformers",
        "license": card.license or "other",
        "pipeline_tag": TASKS[card.role],
        "tags": ["drdoctl", f"drdoctl-role:{card.role}", f"drdoctl-spec:{card.spec_sha256[:12]}"],
    }
    if results := _results(card):
        front["model-index"] = [{"name": card.name, "results": results}]
    return front


def _results(card: Card) -> list[dict[str, Any]]:
    metrics = [
        {"type": figure["metric"], "name": _title(figure), "value": figure["value"]}
        for figure in card.figures
        if isinstance(figure.get("value"), int | float) and math.isfinite(figure["value"])
    ]
    if not metrics:
        return []
    data = card.datasets[0] if card.datasets else card.spec_name or card.name
    return [{"task": {"type": TASKS[card.role]}, "dataset": {"type": data, "name": data}, "metrics": metrics}]


def _title(figure: dict[str, Any]) -> str:
    parts = [str(figure["metric"])]
    if figure.get("against"):
        parts.append(f"against {figure['against']}")
    if figure.get("judge"):
        parts.append(f"by {figure['judge']}")
    if figure.get("temperature") is not None:
        parts.append(f"at temperature {figure['temperature']:g}")
    return ", ".join(parts)


def _body(card: Card) -> str:
    what = "reward model (oracle)" if card.role == "oracle" else "aligned language model (student)"
    base = card.base.ref or "a model known by its hash only"
    lines = [
        f"# {card.name}",
        "",
        f"A {what}, made by drdoctl from {_code(base)} in stage {_code(card.stage or card.kind)}.",
        "",
        *_loading(card),
        f"Licence: {card.license or 'not stated; ask whoever published it'}.",
        "",
    ]
    if card.warnings:
        lines += ["## Before you quote a number", "", *(f"- {warning}" for warning in card.warnings), ""]
    if card.figures:
        lines += ["## Measured", "", *_table(card.figures), ""]
    lines += ["## Made from", "", "| setting | value |", "| --- | --- |"]
    lines += [f"| {_code(key)} | {_code(str(value))} |" for key, value in sorted(card.spec.items())]
    lines += ["", f"Fingerprint {_code(card.fingerprint)}. `drdoctl.json` lists every file with its sha256.", ""]
    return "\n".join(lines)


def _is_adapter(card: Card) -> bool:
    return ADAPTER_CONFIG in card.files


def _loading(card: Card) -> list[str]:
    """Return how to load the model with what everybody has; for an adapter, over which base."""
    if not _is_adapter(card):
        return ["```python", f"from transformers import AutoTokenizer, {LOADERS[card.role]}", "```", ""]
    loader = ADAPTER_LOADERS[card.role]
    labels = ", num_labels=1" if card.role == "oracle" else ""
    pin = f" at revision {_code(card.base.revision)}" if card.base.revision else ""
    lines = [
        f"A low-rank adapter over {_code(card.base.ref or 'its base')}{pin}, which peft loads with it:",
        "",
        "```python",
        f"from peft import {loader}",
        f"model = {loader}.from_pretrained(FOLDER{labels})",
        "```",
        "",
    ]
    if card.spec.get(f"{card.role}.lora.quantize") == NF4:
        lines += ["It was trained over the base in 4 bits (NF4): over whole weights it differs a little.", ""]
    return lines


def _table(figures: list[dict[str, Any]]) -> list[str]:
    rows = ["| figure | value | 95 % interval | rows |", "| --- | --- | --- | --- |"]
    for figure in figures:
        low, high = figure.get("low"), figure.get("high")
        between = f"{low:.4g} to {high:.4g}" if low is not None and high is not None else ""
        value = figure.get("value")
        shown = f"{value:.4g}" if isinstance(value, int | float) else ""
        rows.append(
            f"| {_cell(_title(figure))} | {shown} {figure.get('unit', '')} | {between} | {figure.get('count', '')} |"
        )
        rows += [f"| ({_cell(warning)}) | | | |" for warning in figure.get("warnings", [])]
    return rows


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _code(text: str) -> str:
    return "`" + _cell(text).replace("`", "'") + "`"
