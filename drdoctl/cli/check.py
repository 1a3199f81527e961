"""`drdoctl check`: whether a spec is right, and what it comes to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drdoctl.cli._grid import sides
from drdoctl.cli.options import Options, shared, verb

if TYPE_CHECKING:
    from drdoctl.spec.load import Loaded
    from drdoctl.spec.matrix import Combo

MOST = 12
"""With more students than this a matrix is told by its sides; with `-v` by every label."""
EXAMPLES = (
    "drdoctl check my.yaml",
    "drdoctl check my.yaml --resolved",
    "drdoctl check my.yaml --set method.alpha=0.2 --json",
)


@verb("check", *EXAMPLES)
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--resolved", is_flag=True, help="Print every value with where it came from.")
@shared(sets=True)
def command(options: Options, spec: Path, resolved: bool) -> None:
    """Validate a spec, and show all that is wrong with it.

    Names every fault at once with its line. Also looks that the local files and folders it names are there.
    Nothing is run, and nothing is downloaded.
    """
    from drdoctl.spec.load import load
    from drdoctl.spec.matrix import combinations
    from drdoctl.spec.presence import absent

    loaded = load(spec, options.sets, also=lambda so_far: absent(so_far, combinations(so_far.spec)))
    combos = combinations(loaded.spec)
    for warning in loaded.warnings:
        options.console.warning(warning)
    rows = list(resolved_rows(loaded, combos)) if resolved else []
    if options.json:
        document: dict[str, Any] = {
            "format": 1,
            "spec": str(spec),
            "valid": True,
            "students": [combo.label for combo in combos],
            "warnings": list(loaded.warnings),
        }
        if resolved:
            document["values"] = [dict(zip(("key", "value", "from"), row, strict=True)) for row in rows]
        options.console.json(document)
        return
    if resolved:
        shown = [(key, json.dumps(value, ensure_ascii=False), origin) for key, value, origin in rows]
        options.console.table(("key", "value", "from"), shown)
    few = options.verbose or len(combos) <= MOST
    axes = {axis: len(values) for axis, values in loaded.spec.matrix.items()}
    labels = [combo.label for combo in combos]
    students = ("; " if any("," in label for label in labels) else ", ").join(labels) if few else sides(axes)
    options.console.info(f"{spec} is valid: {len(combos)} student{'s' if len(combos) > 1 else ''} ({students})")
    options.console.hint(f"`{options.line('plan', spec, sets=True)}` shows what it would do")


def resolved_rows(loaded: Loaded, combos: list[Combo]) -> Iterator[tuple[str, Any, str]]:
    """Yield (dotted key, value, origin): what all students share, then what each combination of the matrix sets."""
    from drdoctl.spec.matrix import place_of
    from drdoctl.spec.overrides import path_of

    axes = tuple(loaded.spec.matrix)
    for key, value in leaves(combos[0].spec.model_dump(mode="json", exclude={"matrix"}), ""):
        if key == "zoo" and value is None:
            yield from _zoos(loaded)
        elif not _below(key, axes):
            yield key, value, loaded.origin(key)
    for combo in combos if axes else []:
        for key, value in leaves(combo.spec.model_dump(mode="json", exclude={"matrix"}), ""):
            if _below(key, axes):
                written = place_of(path_of(key, {}), combo.axes)
                yield f"[{combo.label}] {key}", value, loaded.origin_of(written)


def _zoos(loaded: Loaded) -> Iterator[tuple[str, Any, str]]:
    """Yield where the zoo is that a spec does not name, and each model of it that is looked for elsewhere."""
    from drdoctl.zoo.location import is_ref, place

    found = place()
    yield "zoo", found.location, found.origin
    models = {value for key, value in leaves(loaded.raw, "") if key.endswith("model") and isinstance(value, str)}
    for ref in sorted(filter(is_ref, models)):
        if (other := place(ref=ref)) != found:
            yield f"zoo of {ref}", other.location, other.origin


def leaves(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of everything that holds no other value; lists of words and numbers stay whole."""
    nested = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))
    if not nested or not value:
        yield prefix, value
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield from leaves(item, f"{prefix}.{key}" if prefix else str(key))


def _below(key: str, axes: tuple[str, ...]) -> bool:
    return any(key == axis or key.startswith(axis + ".") for axis in axes)
