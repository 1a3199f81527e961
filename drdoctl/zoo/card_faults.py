"""What is said of a card that cannot be taken: it is damaged, or a newer drdoctl made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drdoctl.core.errors import Fault, IntegrityError

FORMAT = 1
"""Version of the cards that this drdoctl reads and writes."""
NEWER = "newer-card"
"""Code of the fault of a card that a newer drdoctl made."""


def unread(name: str, where: str, items: Sequence[Any]) -> IntegrityError:
    """Return the error of a card that is none of this format: of a later one perhaps, which damages nothing."""
    later = [f"its format is {item['input']}, and this drdoctl reads {FORMAT}" for item in items if _is_later(item)]
    unknown = [f"`{_at(item)}` is no field of format {FORMAT}" for item in items if item["type"] == "extra_forbidden"]
    if not later and len(unknown) < len(items):
        return bad_card(name, where, [f"`{_at(item)}`: {item['msg'].lower()}" for item in items])
    who = "made it" if later else "may have made it"
    hint = f"a newer drdoctl {who}: update yours, `pip install --upgrade drdoctl`"
    return IntegrityError(
        [Fault(NEWER, f"the card of `zoo/{name}` in {where}: {text}", None, hint) for text in later or unknown]
    )


def _is_later(item: Any) -> bool:
    return item["loc"] == ("format",) and isinstance(item["input"], int) and item["input"] > FORMAT


def bad_card(name: str, where: str, problems: list[str]) -> IntegrityError:
    """Return the error of a card that is not whole, or contradicts itself."""
    hint = f"publish `zoo/{name}` again from the store that made it"
    return IntegrityError(
        [Fault("card", f"the card of `zoo/{name}` in {where}: {text}", None, hint) for text in problems]
    )


def _at(item: Any) -> str:
    return ".".join(str(part) for part in item["loc"]) or "drdoctl.json"
