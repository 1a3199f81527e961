"""What the documents show must be what happens."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
TARGET = re.compile(r"`make ([a-z-]+)")
LONG_VERBS = {"apply", "report", "doctor", "pull", "push", "score", "import", "export"}
"""Verbs that run stages, or need what only a run leaves behind; the recipes' tests run them."""
GENERATOR = ROOT / "tools" / "gen.py"


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """Return the page's `$` commands, each with the output shown below it."""
    found: list[tuple[str, list[str]]] = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found:
                found[-1][1].append(line)
    return found


def shows(expected: list[str], actual: str) -> bool:
    """Tell whether the output is what is shown; a line of dots stands for any lines."""
    lines = [r"(?:.*\n)*" if line.strip() in ("...", "…") else re.escape(line.rstrip()) + r" *\n" for line in expected]
    return re.fullmatch("".join(lines), actual) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_do_what_the_page_shows(page, tmp_path):
    """Every quick drdoctl command of a page ends well, in the page's order, and prints what is shown below it."""
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    env = {**os.environ, "CI": "1", "NO_COLOR": "1", "COLUMNS": "120", "HF_HUB_OFFLINE": "1", "DRDOCTL_STORE": "store"}
    for command, expected in commands(page):
        words = shlex.split(command, comments=True)
        if words[0] != "drdoctl" or words[1] in LONG_VERBS:
            continue
        done = subprocess.run(
            [sys.executable, "-m", "drdoctl", *words[1:]],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert not expected or shows(expected, done.stdout), f"{command} prints:\n{done.stdout}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Every relative link of a page names a file or folder that is there."""
    broken = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert not broken


def test_every_make_target_named_is_there():
    """Pages name only targets that the Makefile has."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for page in PAGES for target in TARGET.findall(page.read_text(encoding="utf-8"))}
    assert named
    assert named <= targets


def test_generated_files_are_current():
    """Schemas and generated parts of the documents are what the code would write now."""
    done = subprocess.run(
        [sys.executable, str(GENERATOR), "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_map_names_every_file():
    """docs/architecture.md names every public module that is no plug-in, in the row of its folder, and no other."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)/` \| (.*) \|$", page, re.MULTILINE))
    for folder, text in rows.items():
        there = {path.stem for path in (ROOT / "drdoctl" / folder).glob("[a-z]*.py")}
        named = set(re.findall(r"`([a-z]\w*)`", text))
        assert there <= named, folder
        assert named - there <= {"discover", "open_partial", "commit", "verify"}, folder  # functions
    plugins = {"methods", "data", "splits", "evals"}
    folders = {path.parent.name for path in (ROOT / "drdoctl").glob("*/__init__.py")}
    assert set(rows) == folders - plugins
