"""Find what ships beside the code: recipes, schemas and zoo cards, in a wheel or in a checkout."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """Return the folder `recipes`, `schemas` or `zoo`: inside the wheel, else at the top of the checkout."""
    inside = PACKAGE / "_shipped" / folder
    return inside if inside.is_dir() else PACKAGE.parent / folder


def recipes() -> dict[str, Path]:
    """Return every recipe by name, sorted."""
    return {path.stem: path for path in sorted(shipped("recipes").glob("*.yaml"))}


def headline(path: Path) -> str:
    """Return a recipe's first comment line that says what it is (the schema's modeline left out)."""
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.lstrip("# ").strip()
        if not line.startswith("#"):
            break
        if text and not text.startswith("yaml-language-server"):
            return text
    return ""
