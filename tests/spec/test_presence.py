"""Files and folders that a spec names are there, or are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from drdoctl.core.errors import UserError
from drdoctl.spec import presence
from drdoctl.spec.load import load
from drdoctl.spec.matrix import combinations
from drdoctl.spec.presence import absent

TEXT = """version: 1
name: x
data: {source: {jsonl: pairs.jsonl, eval: held-out.jsonl}}
student: {model: ./start, tokenizer: ./words}
method: dpo
"""


def test_what_is_not_there_is_named_with_its_line(tmp_path):
    """Data files and model folders are looked for from the spec's folder."""
    path = tmp_path / "spec.yaml"
    path.write_text(TEXT)
    loaded = load(path)
    faults = absent(loaded, combinations(loaded.spec))
    assert [(fault.code, fault.where.line) for fault in faults][1:] == [("no-such-file", 4), ("no-such-file", 4)]
    assert faults[0].where.line == 3


def test_a_matrix_without_a_method(tmp_path):
    """The method that is missing is one fault among others: files are looked for all the same."""
    path = tmp_path / "spec.yaml"
    path.write_text(TEXT.replace("method: dpo", "matrix: {seed: [1, 2]}"))
    with pytest.raises(UserError) as caught:
        load(path, also=lambda loaded: absent(loaded, combinations(loaded.spec)))
    codes = [fault.code for fault in caught.value.faults]
    assert codes.count("missing-field") == 1
    assert codes.count("no-such-file") == 3


def test_nothing_is_said_where_all_is_there(tmp_path):
    """Existing files and folders, and Hub ids, are no faults."""
    path = tmp_path / "spec.yaml"
    path.write_text(TEXT)
    for name in ("pairs.jsonl", "held-out.jsonl"):
        (tmp_path / name).write_text("{}\n")
    for name in ("start", "words"):
        (tmp_path / name).mkdir()
    loaded = load(path)
    assert absent(loaded, combinations(loaded.spec)) == []


def test_models_that_cannot_be_trained_are_named_with_the_reason(tmp_path):
    """A folder's `config.json` tells a type that is not supported, and a sequence that is too long, before a plan."""
    path = tmp_path / "spec.yaml"
    path.write_text(TEXT.replace("method: dpo", "oracle: {model: ./judge}\nmethod: drdo"))
    for name in ("pairs.jsonl", "held-out.jsonl"):
        (tmp_path / name).write_text("{}\n")
    for name in ("start", "words", "judge"):
        (tmp_path / name).mkdir()
    (tmp_path / "start" / "config.json").write_text('{"model_type": "mistral", "sliding_window": 512}')
    (tmp_path / "judge" / "config.json").write_text('{"model_type": "mpt"}')
    loaded = load(path)
    faults = {fault.code: fault for fault in absent(loaded, combinations(loaded.spec))}
    assert set(faults) == {"too-long-for-model", "unknown-architecture"}
    assert "`student.model` takes 512 tokens at most: its attention looks back" in faults["too-long-for-model"].message
    assert "data.max_tokens=512" in faults["too-long-for-model"].hint
    assert faults["unknown-architecture"].where.line == 5
    assert "ALiBi" in faults["unknown-architecture"].message


def faults_of(tmp_path, text, **configs):
    """Return the faults of a spec whose files and model folders are there, with these texts as `config.json`."""
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    for name in ("pairs.jsonl", "held-out.jsonl"):
        (tmp_path / name).write_text("{}\n")
    for name in {"start", "words", *configs}:
        (tmp_path / name).mkdir()
    for name, config in configs.items():
        (tmp_path / name / "config.json").write_text(config)
    loaded = load(path)
    return absent(loaded, combinations(loaded.spec))


def test_a_broken_configuration_is_found_before_a_plan(tmp_path):
    """A `config.json` that is no JSON is a fault at its own line and column, for each model that it breaks."""
    text = TEXT.replace("method: dpo", "oracle: {model: ./judge}\nmethod: drdo")
    faults = faults_of(tmp_path, text, start='{"model_type":\n llama}', judge="")
    assert [fault.code for fault in faults] == ["bad-config"] * 2
    assert {str(fault.where) for fault in faults} == {
        f"{tmp_path}/start/config.json:2:2",
        f"{tmp_path}/judge/config.json:1:1",
    }


def test_impossible_numbers_are_found_before_a_plan(tmp_path):
    """Numbers that no model can have are faults, all of them at once; a configuration without a type says so."""
    config = '{"model_type": "llama",\n "hidden_size": 0,\n "num_attention_heads": "4",\n "architectures": 5}'
    faults = faults_of(tmp_path, TEXT, start=config)
    assert [fault.where.line for fault in faults] == [2, 3]
    (tmp_path / "start" / "config.json").write_text("{}")
    loaded = load(tmp_path / "spec.yaml")
    (fault,) = absent(loaded, combinations(loaded.spec))
    assert "has no `model_type`" in fault.message


def test_a_file_is_no_folder_and_that_is_all(tmp_path):
    """Where a model's folder is a file, nothing more is said of its configuration."""
    (fault,) = faults_of(tmp_path, TEXT.replace("./start", "./pairs.jsonl"))
    assert fault.code == "no-such-file"


NEW = "{model_type: llama, max_positions: 2048}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("student", "oracle", "keys"),
    [
        ("{model: ./start, lora: {target: [q_porj]}}", "", ["student"]),
        ("{model: ./start, lora: {target: [fc1]}}", "", []),
        (f"{{model: {NEW}, tokenizer: ./words, lora: {{target: [q_porj]}}}}", "", ["student"]),
        ("{model: facebook/opt-125m, lora: {target: [q_porj]}}", "", ["student"]),
        ("{model: org/cached, lora: {target: [q_porj]}}", "", ["student"]),
        ("{model: org/unheard-of, lora: {target: [q_porj]}}", "", []),
        ("{model: zoo/some, lora: {target: [q_porj]}}", "", []),
        ("{model: ./start}", "oracle: {model: sft, lora: {target: q_porj}}\n", ["oracle"]),
        ("{model: ./start}", "oracle: {model: ./judge, lora: {target: q_porj}}\n", ["oracle"]),
    ],
)
def test_matrices_that_a_model_does_not_have(tmp_path, monkeypatch, student, oracle, keys):
    """An adapter's unknown matrices are faults wherever files here tell the model's type, with what was meant."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshot = tmp_path / "hub" / "models--org--cached" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text('{"model_type": "qwen2"}')
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(COMMIT)
    method = "drdo" if oracle else "dpo"
    text = TEXT.replace("{model: ./start, tokenizer: ./words}", student).replace(
        "method: dpo", f"{oracle}method: {method}"
    )
    faults = faults_of(tmp_path, text, start='{"model_type": "opt"}', judge='{"model_type": "llama"}')
    assert [fault.message.partition(".")[0] for fault in faults] == [f"`{key}" for key in keys]
    assert all((fault.code, fault.hint) == ("unknown-target", "did you mean `q_proj`?") for fault in faults)
    assert all(fault.where.line == (5 if oracle else 4) for fault in faults)


def test_instructions_are_there_and_sound(tmp_path):
    """A file of instructions that is not there is named at its option; bad rows are named by their own line."""
    path = tmp_path / "spec.yaml"
    evals = (
        "evaluate: [{name: alpaca-eval, instructions: a.json}, {name: alpaca-eval, instructions: b.json, top_p: 0.9}]"
    )
    path.write_text(TEXT.replace("{model: ./start, tokenizer: ./words}", "{model: facebook/opt-125m}") + evals)
    for name in ("pairs.jsonl", "held-out.jsonl"):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "b.json").write_text('[{"instruction": "a"},\n{"instruction": 3}]')
    loaded = load(path)
    faults = absent(loaded, combinations(loaded.spec))
    places = {(fault.code, Path(fault.where.file).name, fault.where.line) for fault in faults}
    assert places == {("no-such-file", "spec.yaml", 6), ("wrong-type", "b.json", 2)}


def test_instructions_are_read_once(tmp_path, monkeypatch):
    """All combinations of a matrix share one look at a file."""
    head = "version: 1\nname: x\ndata: {source: notes}\nstudent: {model: a/b, revision: v1}\nmethod: dpo\n"
    asked = "evaluate: [{name: alpaca-eval, instructions: a.json}]\nmatrix: {seed: [0, 1, 2]}\n"
    (tmp_path / "spec.yaml").write_text(head + asked)
    (tmp_path / "a.json").write_text('[{"instruction": "a"}]')
    read = []
    monkeypatch.setattr(presence, "read_instructions", lambda name, base: read.append(base / name))
    loaded = load(tmp_path / "spec.yaml")
    assert absent(loaded, combinations(loaded.spec)) == []
    assert read == [tmp_path / "a.json"]


def test_a_judges_prompt_is_read_before_anything_runs(tmp_path):
    """A prompt that lacks a response is told with its line, and one that is not there is not read."""
    path = tmp_path / "spec.yaml"
    head = "version: 1\nname: x\ndata: {source: notes}\nstudent: {model: a/b, revision: v1}\nmethod: dpo\n"
    judge = "evaluate: [{name: llm-judge, model: m, prompt: own.txt}]\nresources: {judge: {url: http://h/v1}}\n"
    path.write_text(head + judge)
    loaded = load(path)
    assert [fault.code for fault in absent(loaded, combinations(loaded.spec))] == ["no-such-file"]
    (tmp_path / "own.txt").write_text("{prompt} {response_a}")
    (fault,) = absent(loaded, combinations(loaded.spec))
    assert (fault.code, fault.message, fault.where.line) == ("bad-file", "`prompt` lacks `{response_b}`", 6)
    (tmp_path / "own.txt").write_text("{prompt} {response_a} {response_b}")
    assert absent(loaded, combinations(loaded.spec)) == []
