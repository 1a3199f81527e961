"""No setting is ever silently ignored: changing any leaf of the spec's schema changes some stage's fingerprint."""

from __future__ import annotations

import copy
import json
import runpy
from pathlib import Path

import pytest
from plan_world import pair, write_model

from drdoctl.plan.compile import compile as wanted
from drdoctl.spec.facts import Facts
from drdoctl.spec.model import Spec
from drdoctl.spec.schema import schema

SCHEMA = schema()
THINGS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_things.py"))
COMMIT = "0123456789abcdef0123456789abcdef01234567"

MACHINE_ONLY = {
    "version": "the format of the file; there is one",
    "name": "how reports and cards call it; the same spec under two names shares its artifacts",
    "publish.sign_key": "who signs what goes out; it is the same artifact",
    "matrix": "a list of combinations; each combination's own leaves are tested, and `test_compile` what they share",
}
"""Leaves that change no result, with the reason; besides all of `resources`: how the machine computes, not what; and
all of `select`, which is read when figures are, while that it is there is read by each evaluation."""

LOCAL = {
    "version": 1,
    "name": "leaves",
    "data": {"source": {"name": "jsonl", "jsonl": "pairs.jsonl"}},
    "student": {"model": "./base", "sft": {}},
    "oracle": {"model": "./base"},
    "method": {"name": "drdo"},
    "evaluate": [{"name": "win-rate"}],
}
NEW = {"student": {"model": {}}, "data": {"source": {"name": "notes"}}, "oracle": {"model": "sft"}}
HUB = {"student": {"model": "org/student"}, "oracle": {"model": "org/oracle"}}
PUBLISH = {"publish": {"student": "zoo/student", "oracle": "zoo/oracle"}}

SELECT = {"select": {"metric": "win_rate", "over": ["method.alpha"]}}


def step(name, **options):
    """Return what puts one step into a spec's split."""
    return {"data": {"split": [{"name": name, **options}]}}


CONTEXT = {
    "data.validation_fraction": SELECT,
    "judges": {
        "data": {"judge_fraction": 0.5},
        "judges": {"fair": {"model": "./base"}},
        "evaluate": [{"name": "win-rate", "judge": "fair"}],
    },
    "evaluate.oracle-quality.": {"evaluate": [{"name": "oracle-quality", "pairs": "pairs.jsonl", "test_set": "one"}]},
    "data.split.confidence.": step("confidence", at_most=5.0),
    "data.split.edit-distance.": step("edit-distance", at_most=0.9),
    "data.split.label-noise.": step("label-noise", fraction=0.5),
    "data.split.length-bias.": step("length-bias", rho=0.5, size=2),
    "data.split.lengths.": step("lengths", max_ratio=9.0),
    "data.split.margin.": step("margin", at_most=5.0),
    "data.split.sample.": step("sample", rows=8),
    "data.split.sample.fraction": step("sample", fraction=0.5),
    "oracle.pairs": step("easy"),
    "oracle.members": {
        "oracle": {"model": "zoo/one"},
        "method": {"name": "e-dpo", "members": 1, "gamma": 0.0},
        "zoo": "zoo",
    },
    "select.": SELECT,
    "student.revision": HUB,
    "oracle.revision": HUB,
    "oracle.finished": HUB,
    "zoo": PUBLISH,
    "publish": PUBLISH,
    "student.model.": NEW,
    "student.lora.": {"student": {"lora": {}}},
    "oracle.lora.": {"oracle": {"lora": {}}},
    "method.drdo.detach_trunk": {"method": {"reward": "head"}},
    "method.drdo.head_learning_rate": {"method": {"reward": "head"}},
    "method.drdo.head_max_grad_norm": {"method": {"reward": "head"}},
    "method.e-dpo.kl_samples": {"method": {"gamma": 0.1}},
    "method.dpo.robust": {"method": {"label_smoothing": 0.1}},
    "method.p-dpo.robust": {"method": {"label_smoothing": 0.1}},
    "evaluate.alpaca-eval.": {"evaluate": [{"name": "alpaca-eval", "instructions": "asked.json"}]},
    "evaluate.llm-judge.": {"evaluate": [{"name": "llm-judge", "model": "gpt"}]},
    "resources.judge.price_per_million_tokens.": {
        "resources": {"judge": {"price_per_million_tokens": {"input": 1.0, "output": 2.0}}}
    },
    "data.source.hub.": {"data": {"source": {"hub": "org/data"}}},
    "data.source.jsonl.": {"data": {"source": {"jsonl": "pairs.jsonl"}}},
    "data.source.parquet.": {"data": {"source": {"parquet": "pairs.jsonl"}}},
}
"""Longest prefix of a leaf -> what must be in the spec for it to have an effect."""

VALUES = {
    "data.split.length-bias.size": 3,
    "select.over": ["method.gamma"],
    "select.against": "reference",
    "data.source.jsonl.jsonl": "other.jsonl",
    "data.source.parquet.parquet": "other.jsonl",
    "data.source.alpaca-eval.prompts": "other.jsonl",
    "data.columns": {"prompt": "question"},
    "judges": {"fair": {"model": "./base", "seed": 3}},
    "evaluate.oracle-quality.pairs": "other.jsonl",
    "evaluate.alpaca-eval.instructions": "other.json",
    "data.split.lengths.min_ratio": 2.0,
    "data.split": [{"name": "easy"}],
    "student.model": "./other",
    "student.tokenizer": "./other",
    "student.sft": False,
    "target": ["q_proj"],
    "oracle.model": "./other",
    "oracle.members": ["zoo/two"],
    "zoo": "elsewhere",
    "publish.student": "zoo/another",
    "publish.oracle": "zoo/another",
    "publish.license": "MIT",
    "resources.server.url": "http://another:8000/v1",
    "resources.judge.url": "http://another:8000/v1",
    "evaluate.llm-judge.prompt": "against-reference",
    "eval": "other.jsonl",
    "path": "pairs.jsonl",
    "eval_path": "other.jsonl",
    "revision": COMMIT,
    "temperatures": [0.3],
    "against": ["reference"],
}
"""Values that the schema alone does not tell, by leaf or by a leaf's last word."""


def resolved(node):
    """Return a node of the schema with its reference followed."""
    return SCHEMA["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def variants(node):
    """Return the mappings and the plain types that a node allows."""
    node = resolved(node)
    for word in ("anyOf", "oneOf"):
        if word in node:
            return [found for item in node[word] for found in variants(item)]
    if node.get("type") == "array" and any(found.get("properties") for found in variants(node["items"])):
        return variants(node["items"])
    return [node]


def leaves(node, prefix=""):
    """Yield (dotted leaf, schema): plug-ins are told apart by name, as in `method.drdo.alpha`."""
    for name, child in node["properties"].items():
        dotted = f"{prefix}{name}"
        mappings = [found for found in variants(child) if found.get("properties")]
        plain = [found for found in variants(child) if not found.get("properties") and found.get("type") != "null"]
        for found in mappings:
            word = found["properties"].get("name", {}).get("const")
            yield from leaves(found, f"{dotted}.{word}." if word else f"{dotted}.")
        plugins = any("const" in found["properties"].get("name", {}) for found in mappings)
        if name != "name" or not prefix:
            if plain and not plugins:
                yield dotted, plain[0]
            elif not mappings:
                yield dotted, child


LEAVES = dict(leaves(SCHEMA))


def another(leaf, node, old):
    """Return a value for a leaf that is not the one it has."""
    word, kind = leaf.rpartition(".")[2], node.get("type")
    if leaf in VALUES:
        return VALUES[leaf]
    if word in VALUES and kind in ("string", "array"):
        return VALUES[word]
    if "enum" in node:
        return next(value for value in node["enum"] if value not in (old, None))
    found = {
        "boolean": not old,
        "integer": (old if isinstance(old, int) else node.get("minimum", 1)) + 4,
        "number": 0.5 * old if isinstance(old, float) and old else 0.25,
        "string": "another",
    }
    assert kind in found, f"{leaf}: say in VALUES what it can be changed to"
    return found[kind]


def merge(into, what):
    """Merge nested mappings, `what` over `into`."""
    for key, value in what.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict) and "name" not in value:
            merge(into[key], value)
        else:
            into[key] = copy.deepcopy(value)


def spec_for(leaf):
    """Return a spec in which a leaf has its place and an effect, and the path to the leaf."""
    spec = copy.deepcopy(LOCAL)
    path = leaf.split(".")
    for head, registry in (("method",), "method"), (("data", "source"), "source"):
        if tuple(path[: len(head)]) == head and len(path) > len(head) + 1:
            at = spec
            for key in head[:-1]:
                at = at[key]
            at[registry] = {"name": path[len(head)]}
            path = [*head, *path[len(head) + 1 :]]
    if path[:1] == ["evaluate"] and len(path) > 1:
        spec["evaluate"] = [{"name": path[1]}]
        path = ["evaluate", 0, *path[2:]]
    if path[:2] == ["data", "split"] and len(path) > 2:
        spec["data"]["split"] = [{"name": path[2]}]
        path = ["data", "split", 0, *path[3:]]
    prefixes = [prefix for prefix in CONTEXT if leaf.startswith(prefix)]
    if prefixes:
        merge(spec, CONTEXT[max(prefixes, key=len)])
    return spec, path


def put(spec, path, value):
    """Set a value in nested data."""
    for key in path[:-1]:
        spec = spec[key] if isinstance(key, int) else spec.setdefault(key, {})
    spec[path[-1]] = value


def value_at(model, path):
    """Return the value of a leaf in a validated spec."""
    for key in path:
        model = model[key] if isinstance(key, int | str) and isinstance(model, list | dict) else getattr(model, key)
    return model


def fingerprints(plain, root):
    """Return the fingerprints of all stages of a spec."""
    facts = Facts(root, root / "store", plain.get("zoo"))
    return sorted(want.fingerprint for want in wanted(Spec.model_validate(plain), facts))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a folder with two data files, two files of instructions, two models, and a zoo of two oracles."""
    folder = tmp_path_factory.mktemp("leaves")
    (folder / "pairs.jsonl").write_text("".join(pair(index) for index in range(5)))
    (folder / "other.jsonl").write_text("".join(pair(index) for index in range(6)))
    for name in ("asked", "other"):
        (folder / f"{name}.json").write_text(json.dumps([{"instruction": f"Say {name}."}]))
    write_model(folder / "base", max_position_embeddings=2048)
    write_model(folder / "other", fill=1, max_position_embeddings=4096)
    tokenizer = folder / "other" / "tokenizer.json"
    tokenizer.write_text(json.dumps({**json.loads(tokenizer.read_text()), "version": "2"}))
    (folder / "uploads").mkdir()
    for name, weights in (("one", b"1" * 64), ("two", b"2" * 64)):
        files = {**THINGS["FILES"], "model.safetensors": THINGS["safetensors"](weights)}
        THINGS["publish"](str(folder / "zoo"), folder / "uploads", files, name)
    return folder


@pytest.mark.parametrize("leaf", [leaf for leaf in LEAVES if leaf not in MACHINE_ONLY])
def test_every_leaf_matters(leaf, root, monkeypatch):
    """Changing the leaf changes the plan; what only the machine reads changes nothing."""
    monkeypatch.setenv("HF_HUB_CACHE", str(root / "no-cache"))
    monkeypatch.delenv("DRDOCTL_ZOO", raising=False)
    plain, path = spec_for(leaf)
    before = fingerprints(plain, root)
    changed = copy.deepcopy(plain)
    put(changed, path, another(leaf, LEAVES[leaf], value_at(Spec.model_validate(plain), path)))
    assert (fingerprints(changed, root) == before) == leaf.startswith(("resources.", "select."))


def test_the_schema_was_walked():
    """The walk found plug-ins' fields, nested fields and plain ones, and the exceptions are leaves."""
    some = {"seed", "method.drdo.alpha", "data.source.notes.tau", "evaluate.win-rate.top_p", "student.model.layers"}
    assert some | MACHINE_ONLY.keys() <= LEAVES.keys()


def test_a_name_is_no_result(root):
    """The spec's name is in no fingerprint."""
    assert fingerprints({**LOCAL, "name": "another"}, root) == fingerprints(LOCAL, root)
