"""The help of every verb, as one page: `docs/cli.md` is made of it."""

from __future__ import annotations

import click

from drdoctl.cli import GROUPS, group
from drdoctl.cli.options import HELP

WIDTH = 80


def helps() -> dict[str, str]:
    """Return the help text of `drdoctl` itself (under the empty name) and of every verb, in the order of the help."""
    root = click.Context(group, info_name="drdoctl", terminal_width=WIDTH, **HELP)
    texts = {"": group.get_help(root)}
    for name in group.list_commands(root):
        verb = group.get_command(root, name)
        if verb is not None:
            texts[name] = verb.get_help(click.Context(verb, info_name=name, parent=root, terminal_width=WIDTH, **HELP))
    return {name: "\n".join(line.rstrip() for line in text.splitlines()) + "\n" for name, text in texts.items()}


def markdown() -> str:
    """Return the reference as Markdown."""
    texts = helps()
    grouped = {name for names in GROUPS.values() for name in names}
    sections = {**GROUPS, "More": tuple(name for name in texts if name and name not in grouped)}
    lines = ["# The command line", "", "Made from the program's own help by `tools/gen.py`.", "", *_block(texts[""])]
    for title, names in sections.items():
        shown = [name for name in names if name in texts]
        if shown:
            lines += [f"## {title}", ""]
        for name in shown:
            lines += [f"### drdoctl {name}", "", *_block(texts[name])]
    return "\n".join(lines).rstrip() + "\n"


def _block(text: str) -> list[str]:
    return ["```text", text.rstrip(), "```", ""]
