"""A matrix of methods, rates and seeds through the real engine: what is chosen, on what, and what is shown of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from page import parse, tables, unknown, words

from drdoctl.cli import run
from drdoctl.core.fingerprint import file_sha256
from drdoctl.report.html import render
from drdoctl.store.manifest import sealed

SPEC = """\
version: 1
name: whole
data:
  source: {name: notes, train: 32, eval: 12, sft: 16, prompts: 24}
  max_prompt_tokens: 48
  max_tokens: 80
student:
  model: {model_type: llama, hidden_size: 16, layers: 1, heads: 2, max_positions: 96}
  sft: false
train: {max_steps: 3, global_batch: 8}
matrix:
  method: [dpo, ipo]
  train.learning_rate: [1.0e-3, 3.0e-2]
  seed: [0, 1]
select: {metric: truth.reward, over: train.learning_rate}
evaluate:
  - {name: true-reward, temperatures: [0.7], greedy: false, max_new_tokens: 8}
  - {name: pair-accuracy}
resources: {device: cpu, threads: 1}
"""


@pytest.fixture(scope="module")
def applied(tmp_path_factory):
    """Return the folder of a spec that was applied, and the text that the apply ended with."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "whole.yaml").write_text(SPEC)
    patch = pytest.MonkeyPatch()
    patch.setenv("OMP_NUM_THREADS", "1")
    try:
        assert run(["apply", str(folder / "whole.yaml"), "-y", "--offline", "--store", str(folder / "store")]) == 0
    finally:
        patch.undo()
    return folder


def report(folder, capsys, store="store"):
    """Return the report as data."""
    capsys.readouterr()
    assert run(["report", str(folder / "whole.yaml"), "--json", "--store", str(folder / store)]) == 0
    return json.loads(capsys.readouterr().out)


def rows_of(folder, found, label):
    """Return a student's samples, from its artifact."""
    stage = next(row["stage"] for row in found["students"] if row["label"] == label)
    artifact = next(row["artifact"] for row in found["stages"] if row["id"] == stage)
    return pq.read_table(folder / "store" / "artifacts" / artifact / "samples.parquet").to_pylist()


def vouch(folder, *names):
    """Let an artifact's manifest say of some files what they hold now, as if they had been committed so."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in names:
        path = folder / name
        manifest["files"][name] |= {"sha256": file_sha256(path), "size": path.stat().st_size}
    (folder / "manifest.json").write_text(json.dumps(sealed(manifest)))


@pytest.mark.slow
def test_the_pick_is_the_best_on_validation_prompts(applied, capsys):
    """Recomputed from the responses: each group's pick has the largest mean over seeds on validation prompts."""
    found = report(applied, capsys)
    assert [group["group"] for group in found["selection"]] == ["dpo", "ipo"]
    for group in found["selection"]:
        means = {}
        for row in group["candidates"]:
            each = []
            for label in row["students"]:
                samples = [one for one in rows_of(applied, found, label) if one["sampling"] != "reference"]
                assert {one["part"] for one in samples} == {"validation", "test"}
                each.append(np.mean([one["truth.reward"] for one in samples if one["part"] == "validation"]))
            means[row["setting"]] = np.mean(each)
            assert row["validation"] == pytest.approx(means[row["setting"]])
            assert len(row["students"]) == 2
        assert group["picked"] == max(means, key=means.get)


@pytest.mark.slow
def test_tables_show_the_picked_over_seeds(applied, capsys):
    """The end table has the start model and one row a method, with the spread over seeds, and pairs within seeds."""
    found = report(applied, capsys)
    assert run(["report", str(applied / "whole.yaml"), "--store", str(applied / "store")]) == 0
    text = capsys.readouterr().out
    picked = [group["picked"] for group in found["selection"]]
    students = text.partition("Students at")[2].partition("\n\n")[0].splitlines()[3:]
    assert [line.split()[0] for line in students] == ["sft", *picked]
    assert all("±" in line for line in students)
    assert {row["seed"] for row in found["differences"]} == {0, 1}
    assert {row["part"] for row in found["differences"]} == {"test"}
    assert next(row["label"] for row in found["over_seeds"]) == "sft"
    assert f"{picked[0]} - {picked[1]}" in text


@pytest.mark.slow
def test_test_prompts_cannot_change_the_pick(applied, capsys, tmp_path):
    """With every test figure and every response to a test prompt made up anew, the same students are picked."""
    before = report(applied, capsys)
    shutil.copytree(applied, tmp_path / "copy")
    for place, path in enumerate(sorted(Path(tmp_path / "copy/store/artifacts").glob("evaluate-*/figures.json"))):
        document = json.loads(path.read_text())
        for figure in document["figures"]:
            if figure["part"] == "test":
                figure["value"] = 1000.0 * (-1) ** place * (place + 1)
        path.write_text(json.dumps(document))
        table = pq.read_table(path.with_name("samples.parquet"))
        changed = [{**row, "truth.reward": -99.0} if row["part"] == "test" else row for row in table.to_pylist()]
        pq.write_table(table.from_pylist(changed, table.schema), path.with_name("samples.parquet"))
        vouch(path.parent, "figures.json", "samples.parquet")
    after = report(tmp_path / "copy", capsys)
    assert [group["picked"] for group in after["selection"]] == [group["picked"] for group in before["selection"]]
    assert after["students"] != before["students"]


def test_the_page_of_a_matrix_is_valid_and_shows_what_json_has(applied, capsys):
    """Means over seeds, their rings and what was picked are on a valid page, with no number that the data lack."""
    found = report(applied, capsys)
    markup = render(found)
    root = parse(markup)
    assert unknown([cell for rows in tables(root) for row in rows for cell in row], found) == []
    assert found["answer"][0].replace("`", "") in words(root)
    assert "over 2 seeds" in found["answer"][0]
    picked = {row["picked"] for row in found["selection"]}
    assert markup.count('class="one ') == 2 * len({"sft", *picked})


@pytest.mark.slow
def test_what_is_picked_is_published(applied, capsys):
    """Each group's pick of each seed goes to the zoo, once; its card names the student that the report picked."""
    found = report(applied, capsys)
    sets = ["publish={student: zoo/best@v1, license: mit}", f"zoo={applied / 'zoo'}"]
    words = ["apply", str(applied / "whole.yaml"), "-y", "--offline", "--store", str(applied / "store")]
    for one in sets:
        words += ["--set", one]
    assert run(words) == 0
    picks = {group["group"]: group["picked"] for group in found["selection"]}
    for method, setting in picks.items():
        for seed in (0, 1):
            stage = f"align[{setting},seed={seed}]"
            artifact = next(row["artifact"] for row in found["stages"] if row["id"] == stage)
            receipts = [
                json.loads(path.read_text())
                for path in Path(applied / "store" / "artifacts").glob("publish-*/receipt.json")
            ]
            (receipt,) = (one for one in receipts if one["name"] == f"best-{method}-seed-{seed}")
            assert (receipt["artifact"], receipt["select"]["setting"]) == (artifact, setting)
            assert (applied / "zoo" / f"best-{method}-seed-{seed}").is_dir()
    capsys.readouterr()
    assert run(["plan", *words[1:2], "--offline", *words[4:], "--detailed-exitcode"]) == 0
