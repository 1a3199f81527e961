"""Everything that reads a file from outside, with sound files to begin from: what the fuzzer is let loose on."""

from __future__ import annotations

import gzip
import io
import json
import os
import runpy
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from chaos._command import command
from chaos._loader import Loader
from chaos._mutate import dumps
from chaos._stored import stores
from chaos._watch import ROOT
from drdoctl.core.fingerprint import digest
from drdoctl.core.metrics import read_metrics
from drdoctl.data.jsonl import JsonlSource
from drdoctl.data.parquet import ParquetSource
from drdoctl.plan.compile import compile as wanted
from drdoctl.plan.saved import is_saved, load_saved
from drdoctl.spec.config import user_config
from drdoctl.spec.facts import Facts
from drdoctl.spec.folder import read_folder
from drdoctl.spec.hashes import Hashes
from drdoctl.spec.load import load
from drdoctl.spec.vocabulary import vocabulary_size
from drdoctl.store.artifact import Store
from drdoctl.train.score_rows import read_rows
from drdoctl.zoo.card import parse_card
from drdoctl.zoo.pull import pull
from drdoctl.zoo.safety import content_fault

TESTS = ROOT / "tests"
PAIRS = [
    {"prompt": "what ?", "chosen": "this", "rejected": "that", "confidence": 2.5, "id": "a"},
    {
        "prompt": [{"role": "system", "content": ""}, {"role": "user", "content": "é\r\n"}],
        "chosen": "é",
        "rejected": "\u2028",
        "score_chosen": 1,
        "score_rejected": -3,
        "preference": 0.75,
    },
    {
        "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
        "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}],
        "reference": "c",
    },
]


def loaders(work: Path) -> list[Loader]:
    """Return all of them. `work` is an empty folder that they write into."""
    made = [*_texts(work), *_rows(work), *_models(work), *_config(work), *_zoo(work), *stores(work)]
    return sorted(made, key=lambda loader: loader.name)


def _at(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Return what writes its input to a path and reads that."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def reader(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return reader


def _texts(work: Path) -> Iterator[Loader]:
    good = [*(TESTS / "specs" / "good").glob("*.yaml"), *(ROOT / "recipes").glob("*.yaml")]
    bad = (TESTS / "specs" / "bad").glob("*.yaml")

    def plan(path: Path) -> object:
        loaded = load(path)
        return wanted(loaded.spec, Facts(loaded.base, work / "none", loaded.spec.zoo))

    yield Loader("spec", [path.read_bytes() for path in sorted([*good, *bad])], _at(work / "spec.yaml", plan))
    body = {
        "format": 1,
        "kind": "drdoctl-plan",
        "version": "1",
        "plan": json.loads((TESTS / "golden" / "plan" / "mixed.json").read_text(encoding="utf-8")),
        "source": {"text": "version: 1\n", "values": {"version": 1}, "sets": ["seed=1"], "path": "spec.yaml"},
    }

    def sealed(data: bytes) -> bytes:
        found = json.loads(data)
        found.pop("digest", None)
        return json.dumps(found | {"digest": digest(found)}).encode()

    def saved(path: Path) -> object:
        return is_saved(path) and load_saved(path).loaded

    yield Loader("plan-file", [sealed(json.dumps(body).encode())], _at(work / "plan.json", saved), sealed)
    lines = b'{"step": 1, "loss": 0.5}\n{"step": 2, "loss": NaN}\n'
    yield Loader("metrics", [lines], _at(work / "metrics.jsonl", read_metrics))


def _rows(work: Path) -> Iterator[Loader]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    lines = b"".join(json.dumps(row).encode() + b"\n" for row in PAIRS)
    array = json.dumps(PAIRS, ensure_ascii=False).encode()
    jsonl = JsonlSource(jsonl="rows.jsonl").at(work)

    def rows(source: Any) -> Callable[[Path], object]:
        return lambda _path: [row.where for row in source.read("train", {})]

    yield Loader("jsonl", [lines, array, gzip.compress(lines)], _at(work / "rows.jsonl", rows(jsonl)))
    table = pa.Table.from_pylist(
        [{"prompt": row.get("prompt") and "p", "chosen": "c", "rejected": "r"} for row in PAIRS]
    )
    sinks = []
    for options in ({}, {"compression": "zstd", "use_dictionary": False}):
        pq.write_table(table, sink := io.BytesIO(), **options)
        sinks.append(sink.getvalue())
    parquet = ParquetSource(parquet="rows.parquet").at(work)
    yield Loader("parquet", sinks, _at(work / "rows.parquet", rows(parquet)))
    single = b'{"prompt": "q", "response": "a"}\n{"prompt": [{"role": "user", "content": "q"}], "response": "b"}\n'
    yield Loader("score-rows", [lines, single], _at(work / "score.jsonl", lambda path: list(read_rows(str(path)))))


def _models(work: Path) -> Iterator[Loader]:
    world = SimpleNamespace(**runpy.run_path(str(TESTS / "plan" / "plan_world.py")))
    folder = world.write_model(work / "model")
    for path in sorted(folder.iterdir()):
        seed = path.read_bytes()

        def read(data: bytes, path: Path = path, seed: bytes = seed) -> None:
            path.write_bytes(data)
            try:
                content_fault(path)
                read_folder(folder, Hashes(None), key="student.model")
                vocabulary_size(data.decode("utf-8", "replace"))
            finally:
                path.write_bytes(seed)

        yield Loader(f"model/{path.name}", [seed], read)


def _config(work: Path) -> Iterator[Loader]:
    path = work / "config.yaml"

    def read(data: bytes) -> None:
        path.write_bytes(data)
        os.environ["DRDOCTL_CONFIG"] = str(path)
        try:
            user_config()
        finally:
            os.environ["DRDOCTL_CONFIG"] = ""

    yield Loader("config", [b"# mine\nzoo: hub:lab\n"], read)


def _zoo(work: Path) -> Iterator[Loader]:
    things = SimpleNamespace(**runpy.run_path(str(TESTS / "zoo" / "zoo_things.py")))
    measured = {"accuracy": {"value": 0.7, "low": 0.6, "high": 0.8, "count": 9}, "data": "pairs"}
    rewards = {"mean": 0.1, "std": 1, "min": -2, "max": 3}
    card = things.make_card(figures=things.FIGURES, quality=measured, reward=rewards).to_bytes()
    yield Loader("card", [card], lambda data: parse_card(data, name="thing", where="a zoo"))
    home = work / "zoo"
    home.mkdir()
    yield Loader("zoo/published-card", [card], lambda data: _pull_card(data, home, work), _consistent)
    things.publish(str(home), work, things.FILES)
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        seed = path.read_bytes()

        def read(data: bytes, path: Path = path, seed: bytes = seed) -> None:
            path.write_bytes(data)
            try:
                pull(Store(work / "pulled"), "zoo/thing", str(home))
            finally:
                path.write_bytes(seed)
                shutil.rmtree(work / "pulled", ignore_errors=True)

        parts = path.relative_to(home).parts
        name = "blob" if parts[0] == "blobs" else parts[1]
        yield Loader(f"zoo/{name}-{len(seed)}", [seed], read)


def _pull_card(data: bytes, home: Path, work: Path) -> None:
    """Pull a model whose card is published as it is, by whoever may write to the zoo."""
    name = sha256(data).hexdigest()[:40]
    for path, content in ((f"revisions/{name}.json", data), ("refs/main", name.encode())):
        (home / "thing" / path).write_bytes(content)
    store = Store(work / "pulled")
    try:
        pull(store, "zoo/thing", str(home))
        command(["show", "artifact", store.manifests()[0]["id"], "--store", str(store.root)])
        command(["ls", "artifacts", "--store", str(store.root)])
    finally:
        shutil.rmtree(store.root, ignore_errors=True)
        command(["ls", "zoo", "--zoo", str(home)])
        command(["show", "zoo/thing", "--zoo", str(home)])
        (home / "thing" / f"revisions/{name}.json").unlink()


def _consistent(data: bytes) -> bytes:
    """Return a card whose hashes are those of what it says."""
    card = json.loads(data)
    made = {name: card.get(old) for name, old in (("kind", "kind"), ("version", "version"), ("settings", "spec"))}
    made |= {name: card.get(name) for name in ("inputs", "externals")}
    return dumps({**card, "spec_sha256": digest(card.get("spec")), "fingerprint": digest(made)})
