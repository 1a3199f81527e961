"""Names of a zoo wherever a spec takes a model: teacher, start of a student, judge, members of an ensemble."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import pyarrow.parquet as pq  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from drdoctl import cli  # noqa: E402
from drdoctl.core.fingerprint import artifact_name  # noqa: E402
from drdoctl.stages import Want  # noqa: E402
from drdoctl.store.artifact import Store  # noqa: E402

pytestmark = pytest.mark.slow

DATA = """\
version: 1
data:
  source: {name: notes, train: 24, eval: 6, sft: 8, prompts: 6}
  max_prompt_tokens: 48
  max_tokens: 80
train: {max_steps: 2, global_batch: 8}
resources: {device: cpu, threads: 1}
zoo: zoo
"""
MAKER = f"""{DATA}
name: maker
student:
  model: {{model_type: llama, hidden_size: 16, layers: 1, heads: 2, max_positions: 96}}
  sft: {{max_steps: 2, global_batch: 8}}
oracle: {{model: sft, max_steps: 2, global_batch: 8, learning_rate: 1.0e-2}}
method: drdo
publish: {{student: zoo/student@v1, oracle: zoo/oracle, license: mit}}
"""
TAKER = f"""{DATA}
name: taker
student: {{model: zoo/student@v1, sft: false}}
oracle: {{model: zoo/oracle, members: [zoo/oracle, zoo/other]}}
judges: {{fair: {{model: zoo/other}}}}
matrix: {{method: [{{name: drdo}}, {{name: e-dpo, members: 2}}]}}
evaluate:
  - {{name: win-rate, judge: fair, against: [reference], temperatures: [0.7], prompts: 4, max_new_tokens: 8}}
"""


def call(*words, code=0):
    """Run a command line, and return what it printed to stdout; its exit code must be `code`."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        found = cli.run([*map(str, words)])
    assert found == code, err.getvalue()
    return out.getvalue() if code == 0 else err.getvalue()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder where a spec has published a student and an oracle; a like oracle with another head is beside them."""
    folder = tmp_path_factory.mktemp("use")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.delenv("DRDOCTL_ZOO", raising=False)
        Path("maker.yaml").write_text(MAKER, encoding="utf-8")
        Path("taker.yaml").write_text(TAKER, encoding="utf-8")
        call("apply", "maker.yaml", "-y", "--store", "maker")
        push(_other_head(), "other")
        yield folder


def _other_head():
    """Put a copy of the maker's oracle with another head into its store, and return the name."""
    store, (oracle,) = Store(Path("maker")), artifacts("maker", "oracle")
    made = store.manifest(oracle)
    want = Want("oracle", 1, {**made["settings"], "oracle.seed": 7}, externals={"oracle.model": "ab" * 32})
    folder, _ = store.open_partial(want)
    for name in made["files"]:
        (folder / name).write_bytes((store.path(oracle) / name).read_bytes())
    weights = load_file(folder / "model.safetensors")
    weights["score.weight"] = -2 * weights["score.weight"].flip(1)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    store.commit(want, "maker", {}, 1.0)
    return want.artifact


def artifacts(store, kind):
    """Return the names of a store's artifacts of a kind, oldest first."""
    found = [made for made in Store(Path(store)).manifests() if made["kind"] == kind]
    return [artifact_name(kind, made["fingerprint"]) for made in found]


def push(artifact, name, zoo="zoo", store="maker"):
    """Publish an artifact."""
    call("push", artifact, f"zoo/{name}", "--zoo", zoo, "--store", store, "--license", "mit", "--no-probe")


def stages(store, spec="taker.yaml"):
    """Return the stages of the taker's plan, by id."""
    return {stage["id"]: stage for stage in json.loads(call("plan", spec, "--store", store, "--json"))["stages"]}


def rewards(store, members=1):
    """Return the cached rewards of the training pairs, by id, of the rewards artifact with so many members."""
    for name in artifacts(store, "rewards"):
        table = pq.read_table(Store(Path(store)).path(name) / "train.parquet")
        if table.num_columns == 1 + 2 * members:
            return {row.pop("id"): tuple(row.values()) for row in table.to_pylist()}
    raise AssertionError(members)


def test_a_second_spec_uses_what_a_first_published(world, monkeypatch):
    """In another store, zoo names start the student, teach, judge and are the ensemble, with the maker's rewards."""
    monkeypatch.chdir(world)
    pulls = [name.partition("[")[0] for name, stage in stages("taker").items() if stage["action"] == "pull"]
    assert sorted(pulls) == ["oracle", "oracle", "sft"]  # the oracle is a member too, the judge is the other member
    call("apply", "taker.yaml", "-y", "--store", "taker")
    assert {stage["action"] for stage in stages("taker").values()} == {"reuse"}
    made, both = rewards("maker"), rewards("taker", 2)
    assert rewards("taker") == made
    assert {name: values[:2] for name, values in both.items()} == made
    assert all(values[:2] != values[2:] for values in both.values())
    store = Store(Path("taker"))
    figures = [json.loads(path.read_text()) for path in store.artifacts.glob("evaluate-*/figures.json")]
    judged = [one for found in figures for one in found["figures"] if one["metric"] == "win_rate"]
    assert {one["judge"] for one in judged} == {"fair"}
    assert len(judged) >= 2
    (student,) = artifacts("taker", "sft")
    assert store.manifest(student)["zoo"]["ref"] == "zoo/student@v1"


def test_a_plan_is_pinned_to_what_a_name_meant(world, monkeypatch):
    """A saved plan is refused (6) once a name means another model, and nothing is pulled; a new plan takes that one."""
    monkeypatch.chdir(world)
    before = stages("late")
    call("plan", "taker.yaml", "--store", "late", "--out", "plan.json")
    first, other = artifacts("maker", "oracle")
    push(other, "oracle")
    try:
        assert "stale" in call("apply", "plan.json", "-y", "--store", "late", code=6)
        after = stages("late")
        assert after["rewards"]["artifact"] != before["rewards"]["artifact"]
        assert after["data"]["artifact"] == before["data"]["artifact"]
        assert not list(Path("late").glob("artifacts/*"))
    finally:
        push(first, "oracle")
    assert stages("late") == before


def test_what_is_published_goes_on_to_a_hub(world, hub, monkeypatch):
    """The same oracles on a Hub, once looked up there, give the same plan but for the zoo's own name."""
    monkeypatch.chdir(world)
    first, other = artifacts("maker", "oracle")
    for artifact, name in ((first, "oracle"), (other, "other")):
        push(artifact, name, "hub:org")
    (student,) = artifacts("maker", "align")
    push(student, "student@v1", "hub:org")
    Path("hub.yaml").write_text(TAKER.replace("zoo: zoo\n", "zoo: hub:org\n"), encoding="utf-8")
    assert "zoo-unresolved" in call("plan", "hub.yaml", "--store", "hub-taker", code=4)
    for name in ("oracle", "other", "student@v1"):
        call("pull", f"zoo/{name}", "--zoo", "hub:org", "--store", "hub-taker", "--no-probe")
    found, there = stages("hub-taker", "hub.yaml"), stages("hub-taker")
    assert {name: stage["artifact"] for name, stage in found.items()} == {
        name: stage["artifact"] for name, stage in there.items()
    }


def test_an_imported_oracle_teaches(world, monkeypatch):
    """A reward model's bare files, imported, teach with the rewards that they gave before; `report` tells of it."""
    monkeypatch.chdir(world)
    (oracle, *_) = artifacts("maker", "oracle")
    Path("given").mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        Path("given", name).write_bytes((Store(Path("maker")).path(oracle) / name).read_bytes())
    artifact = call("import", "given", "--as", "mine", "--store", "pupil").strip()
    folder = Store(Path("pupil")).path(artifact)
    text = TAKER.partition("oracle:")[0].replace("zoo: zoo\n", "").replace("zoo/student@v1", "./start")
    start = Store(Path("maker")).path(artifacts("maker", "align")[0])
    Path("start").symlink_to(start)
    Path("pupil.yaml").write_text(
        f"{text}oracle: {{model: {folder}, finished: true}}\nmethod: drdo\n", encoding="utf-8"
    )
    call("apply", "pupil.yaml", "-y", "--store", "pupil")
    assert rewards("pupil") == rewards("maker")
    page = call("report", "pupil.yaml", "--store", "pupil").strip()
    assert "drdo" in Path(page.splitlines()[-1].removeprefix("report: ")).read_text(encoding="utf-8")
