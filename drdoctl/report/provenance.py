"""Where the numbers come from: stages, what lies outside the store, versions, machine, and what became of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drdoctl.report.tables import NOTHING, Table

MEANS = tuple(f"{mean} {of}" for of in ("confidence", "edit", "length") for mean in ("mean", "median"))
ASKED = (
    *("read", "dropped", "kept", "rows", "prompts", "tokens", "prompt tokens", "chosen tokens", "rejected tokens"),
    *("pair tokens", *MEANS, "unlike lengths", "longer chosen", "flipped"),
)
"""How the facts of the data begin, in the order of their tables."""
PARTS = ("train", "eval", "prompts", "sft", "judge")

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def lead(report: Mapping[str, Any]) -> str:
    """Return the sentence under the title."""
    done = [row for row in report["stages"] if row["done"]]
    newest = max((row["created"] for row in done if row["created"]), default=None)
    versions = sorted({row["packages"]["drdoctl"] for row in done if "drdoctl" in row["packages"]})
    made = f"drdoctl {', '.join(versions)}; " if versions else ""
    seconds, cost = report["total"]["seconds"], report["total"]["cost"]
    money = f", costing {cost:,.2f}" if cost is not None else ""
    finished = f"; last stage finished {_moment(newest)}" if newest else ""
    return f"{made}{len(done)} of {len(report['stages'])} stages finished, {duration(seconds)} of work{money}{finished}"


def _moment(stamp: str | None) -> str:
    """Return ``2026-11-21 04:48 UTC`` from a manifest's ISO time."""
    return f"{stamp[:10]} {stamp[11:16]} UTC" if stamp else NOTHING


def duration(seconds: float | None) -> str:
    """Return ``41 s``, ``12 min 05 s`` or ``3 h 07 min``."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: int) -> str:
    """Return bytes as ``1.2 MB``."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def gib(value: float | None) -> str:
    """Return the memory of one process as ``1.24 GiB``."""
    return NOTHING if value is None else f"{value:.2f} GiB"


def tables(report: Mapping[str, Any]) -> list[Table]:
    """Return the tables of the provenance section: stages, what lies outside the store, versions, machine."""
    stages = [
        [
            row["id"],
            row["artifact"] if row["done"] else f"{row['artifact']} (not finished)",
            _moment(row["created"]),
            ", ".join(row["inputs"].values()) or NOTHING,
        ]
        for row in report["stages"]
    ]
    columns = ["stage", "artifact", "finished", "from"]
    outside = {
        (name, value): row["settings"].get(name) for row in report["stages"] for name, value in row["externals"].items()
    }
    return [
        Table("Stages", columns, stages),
        Table(
            "Outside the store",
            ["what", "named in the spec as", "hash of its content"],
            [[name, _named(report["spec"], name, said), value[:64]] for (name, value), said in outside.items()],
        ),
        Table("Versions", ["package", "version"], _counted(row["packages"] for row in report["stages"])),
        Table("Machine", ["fact", "value"], _counted(row["host"] for row in report["stages"])),
    ]


def _named(spec: Mapping[str, Any], key: str, said: Any) -> str:
    value: Any = spec
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    value = value if said is None else said
    return NOTHING if value is None else str(value)


def _counted(mappings: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Return each key with its value, or all its values where stages differ."""
    found: dict[str, dict[str, None]] = {}
    for mapping in mappings:
        for key, value in mapping.items():
            found.setdefault(key, {})[str(value)] = None
    return [[key, ", ".join(values)] for key, values in found.items()]


def _flat(facts: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return facts with those of mappings beside the others: ``chosen tokens, mean``."""
    found: dict[str, Any] = {}
    for key, value in facts.items():
        name = before + key.replace("_", " ")
        found.update(_flat(value, f"{name}, ") if isinstance(value, dict) else {name: value})
    return found


def data_tables(report: Mapping[str, Any]) -> list[Table]:
    """Return the data stage's counts, one column a part of the data; statistics of the pairs; and the other facts."""
    data = report["data"]
    parts = {name: _flat(value) for name, value in data.get("parts", {}).items() if isinstance(value, dict)}
    order = sorted(parts, key=_part)
    keys = _ordered(key for name in order for key in parts[name])
    rows = [[key, *(plain(parts[name].get(key)) for name in order)] for key in keys]
    shown = [row for row in rows if any(cell not in (NOTHING, "0") for cell in row[1:])]
    out = [Table("What was read and kept", ["of each part", *order], shown), *_statistics(report["pairs"])]
    rest = [
        [key.replace("_", " "), plain(value)]
        for key, value in data.items()
        if key not in ("parts", "statistics", "split")
    ]
    return [*out, Table("Other facts", ["fact", "value"], rest)]


def _part(name: str) -> int:
    """Return where a part of the data stands."""
    return PARTS.index(name) if name in PARTS else len(PARTS)


def _ordered(keys: Iterable[str]) -> list[str]:
    """Return keys, each once, in the order in which a reader asks for them."""

    def place(key: str) -> int:
        return next((at for at, start in enumerate(ASKED) if key.startswith(start)), len(ASKED))

    return sorted(dict.fromkeys(keys), key=place)


def _statistics(pairs: Mapping[str, Mapping[str, Iterable[Mapping[str, Any]]]]) -> list[Table]:
    """Return what the pairs are like before and after each step of the split, as in Table 5 of DRDO.

    `pairs`: data stage -> part -> rows. What a second data stage begins with is what the first one left: shown once.
    """
    found: list[dict[str, Any]] = []
    for parts in pairs.values():
        rows = ({"part": part, **_flat(row)} for part, each in parts.items() for row in each)
        found += [row for row in rows if row not in found]
    found.sort(key=lambda row: _part(row["part"]))
    keys = [key for key in _ordered(key for row in found for key in row) if key not in ("part", "after")]
    lines = [[f"{row['part']}: {row.get('after', NOTHING)}", *(plain(row.get(key)) for key in keys)] for row in found]
    return [Table("The pairs, and what each step of the split left of them", ["pairs", *keys], lines)] if found else []


def plain(value: Any) -> str:
    """Return any JSON value as short text: ``too-long 12, duplicate 3``."""
    match value:
        case None | "":
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.3f}".rstrip("0").rstrip(".")
        case int():
            return f"{value:,}"
        case dict():
            text = ", ".join(f"{key.replace('_', ' ')} {plain(item)}" for key, item in value.items())
        case list():
            text = "; ".join(map(plain, value))
        case _:
            text = str(value)
    return text or NOTHING
