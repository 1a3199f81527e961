import json
import os
import runpy
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.core.errors import IntegrityError, Refused, StageFailed
from drdoctl.core.fingerprint import file_sha256
from drdoctl.stages import Want
from drdoctl.store import manifest as manifest_module
from drdoctl.store.artifact import Store
from drdoctl.store.lock import mark_busy

HERE = Path(__file__).parent
MADE_UP = runpy.run_path(str(HERE / "commit_once.py"))
WANT, fill = MADE_UP["WANT"], MADE_UP["fill"]


@pytest.fixture
def store(tmp_path):
    """Return a prepared store."""
    made = Store(tmp_path / "store")
    made.prepare()
    return made


def test_a_commit_tells_what_was_made_and_from_what(store):
    """The manifest holds the settings, the inputs' fingerprints and each result file's hash, and no work file."""
    fill(store)
    path = store.commit(WANT, "toy", {"loss": 0.5}, 12.3456)
    manifest = store.manifest(WANT.artifact)
    assert manifest == json.loads((path / "manifest.json").read_text())
    assert set(manifest["files"]) == {"model.safetensors", "tokenizer/tokenizer.json"}
    assert manifest["files"]["model.safetensors"]["sha256"] == file_sha256(path / "model.safetensors")
    assert manifest["inputs"] == {"data": WANT.inputs["data"].fingerprint}
    assert (manifest["input_ids"], manifest["externals"]) == ({"data": "data"}, {"base": "ab"})
    assert (manifest["spec_name"], manifest["seconds"], manifest["metrics"]) == ("toy", 12.346, {"loss": 0.5})
    assert manifest["packages"]["torch"]
    assert {"platform", "cpus", "memory_gib"} <= set(manifest["host"])
    assert sorted(path.name for path in path.iterdir()) == [
        "log.txt",
        "manifest.json",
        "model.safetensors",
        "tokenizer",
    ]
    store.verify(WANT.artifact)


def test_a_stage_that_left_nothing_is_not_committed(store):
    """An artifact without files is a failure, not an artifact."""
    store.open_partial(WANT)
    with pytest.raises(StageFailed, match="left no files"):
        store.commit(WANT, "toy", {}, 1)
    assert store.manifest(WANT.artifact) is None


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "has 16,284 bytes in place of 16,384"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b"\x01" + path.read_bytes()[1:]), "has another sha256"),
    ],
)
def test_damage_is_found_and_named(store, harm, words):
    """A file cut short, gone or changed in one byte is an integrity error that names it and the remedy."""
    fill(store)
    path = store.commit(WANT, "toy", {}, 1)
    harm(path / "model.safetensors")
    with pytest.raises(IntegrityError) as error:
        Store(store.root).verify_input(WANT.artifact)
    assert f"`model.safetensors` {words}" in str(error.value)
    assert error.value.faults[0].hint.endswith(f"`rm -r {path}`")


def test_only_the_named_files_are_looked_at(store):
    """Weights that were deleted to save space do not stand in the way of who reads other files."""
    fill(store)
    path = store.commit(WANT, "toy", {}, 1)
    (path / "model.safetensors").unlink()
    store.verify(WANT.artifact, names={"config.json"})
    with pytest.raises(IntegrityError, match="is missing"):
        store.verify(WANT.artifact, names={"model.safetensors"})


def test_fifty_bit_flips_are_found(store):
    """Every one of fifty single-bit flips spread over a weights file is found."""
    fill(store)
    path = store.commit(WANT, "toy", {}, 1) / "model.safetensors"
    whole = path.read_bytes()
    for index in range(50):
        changed = bytearray(whole)
        changed[index * len(whole) // 50] ^= 1 << (index % 8)
        path.write_bytes(changed)
        with pytest.raises(IntegrityError):
            store.verify(WANT.artifact)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["format", "files", "kind"]), inner)
            ),
            max_leaves=6,
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
@settings(max_examples=60, deadline=None)
def test_junk_in_place_of_a_manifest_is_no_manifest(tmp_path_factory, junk):
    """Whatever lies in manifest.json, reading never raises: the artifact is taken as not there, with a warning."""
    store = Store(tmp_path_factory.mktemp("junk"))
    folder = store.artifacts / "sft-0123456789ab"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(junk)
    assert store.manifest(folder.name) is None
    assert store.manifests() == []
    assert len(store.warnings) == 1


def test_a_manifest_of_another_artifact_is_not_taken(store):
    """A manifest copied under another name is broken, and so is one that names files outside its folder."""
    fill(store)
    path = store.commit(WANT, "toy", {}, 1)
    other = store.path("sft-000000000000")
    shutil.copytree(path, other)
    assert store.manifest(other.name) is None
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"]["../../secret"] = {"sha256": "0", "size": 1}
    (path / "manifest.json").write_text(json.dumps(manifest_module.sealed(manifest)))
    assert store.manifest(path.name) is None
    assert len(store.warnings) == 2


def test_a_broken_artifact_is_replaced_by_the_next_commit(store):
    """Where a folder without a valid manifest is in the way, the commit replaces it and says so."""
    final = store.path(WANT.artifact)
    final.mkdir()
    (final / "manifest.json").write_text("{")
    fill(store)
    store.commit(WANT, "toy", {}, 1)
    assert store.manifest(WANT.artifact) is not None
    assert any("was replaced" in text for text in store.warnings)


def test_what_a_killed_process_left_half_written_is_swept(store):
    """Files begun beside their names by a process that was killed are not taken into the artifact."""
    folder = fill(store)
    for name in (".123.train.parquet", ".figures.json.123.tmp", "tokenizer/.77.tokenizer.json"):
        (folder / name).write_text("torn")
    (folder / ".keep").write_text("a result")
    assert store.open_partial(WANT) == (folder, True)
    store.commit(WANT, "toy", {}, 1)
    assert set(store.manifest(WANT.artifact)["files"]) == {".keep", "model.safetensors", "tokenizer/tokenizer.json"}


def test_a_link_to_other_work_is_removed_not_followed(store, tmp_path):
    """A folder in progress that is a link, and whose job is not this stage's, gives way; what it led to stays."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "job.json").write_text('{"fingerprint": "another"}')
    store.partial_path(WANT.artifact).parent.mkdir(parents=True, exist_ok=True)
    store.partial_path(WANT.artifact).symlink_to(elsewhere)
    folder, resumes = store.open_partial(WANT)
    assert not resumes
    assert not folder.is_symlink()
    assert (elsewhere / "job.json").is_file()


def test_work_is_not_gone_on_with_beside_a_child_of_an_earlier_apply(store, monkeypatch):
    """While a process of a killed apply is still at work in the folder, the next apply waits, and then refuses."""
    folder = fill(store)
    monkeypatch.setattr("drdoctl.store.artifact.PATIENCE_SECONDS", 0.2)
    busy = mark_busy(folder / "job.json")
    with pytest.raises(Refused, match="still at work") as refused:
        store.open_partial(WANT)
    if Path("/proc/locks").exists():
        assert f"`kill {os.getpid()}` ends it" in refused.value.faults[0].hint
    monkeypatch.setattr("drdoctl.store.artifact.busy_with", lambda _: [])
    with pytest.raises(Refused) as refused:
        store.open_partial(WANT)
    assert f"`pgrep -f {folder}`" in refused.value.faults[0].hint
    busy.close()
    assert store.open_partial(WANT) == (folder, True)


def test_partial_tells_where_a_resume_goes_on(store):
    """Training goes on from its newest whole checkpoint, else from 0; other work from the last piece; rows from 0."""
    assert store.partial(WANT.artifact) is None
    folder = fill(store)
    (folder / "checkpoints" / "step-8").mkdir()
    assert (store.partial(WANT.artifact)["step"], store.partial(WANT.artifact)["checkpoint"]) == (7, 7)
    shutil.rmtree(folder / "checkpoints")
    assert (store.partial(WANT.artifact)["step"], store.partial(WANT.artifact)["seen"]) == (0, 9)
    (folder / "progress.json").write_text(json.dumps({"step": 9, "steps": 12, "unit": "chunk"}))
    assert (store.partial(WANT.artifact)["step"], store.partial(WANT.artifact)["checkpoint"]) == (9, None)
    (folder / "progress.json").write_text(json.dumps({"step": 9, "steps": 12, "unit": "token", "kept": 8}))
    assert (store.partial(WANT.artifact)["step"], store.partial(WANT.artifact)["seen"]) == (8, 9)
    (folder / "progress.json").write_text(json.dumps({"step": 41472, "steps": 0, "unit": "row"}))
    assert (store.partial(WANT.artifact)["step"], store.partial(WANT.artifact)["seen"]) == (0, 41472)
    (folder / "progress.json").write_text("{torn")
    assert store.partial(WANT.artifact)["step"] == 0


@pytest.mark.parametrize("call", ["fsync", "rename", "unlink"])
def test_a_kill_at_any_call_of_a_commit_loses_nothing(tmp_path, call):
    """Killed at the n-th fsync, rename or unlink, for every n: the next apply finishes the artifact."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    survived = 0
    for number in range(1, 40):
        root = tmp_path / str(number)
        store = Store(root)
        store.prepare()
        inject = ["-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"]
        done = subprocess.run(
            ["strace", *inject, sys.executable, str(HERE / "commit_once.py"), str(root)],
            capture_output=True,
            check=False,
        )
        if store.manifest(WANT.artifact) is not None:
            store.verify(WANT.artifact)
        else:
            finish(store)
        assert (store.path(WANT.artifact) / "log.txt").is_file()
        if done.returncode == 0:
            break
        survived += 1
    assert survived >= 2
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("call", "error"), [("rename", "ENOSPC"), ("rename", "EIO"), ("fsync", "EIO"), ("fsync", "ENOSPC")]
)
def test_an_error_of_the_disk_at_any_call_is_no_success(tmp_path, call, error):
    """A disk that fails at the n-th call, for every n: the commit does not claim success, and the next one makes it."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    for number in range(1, 40):
        store = Store(tmp_path / str(number))
        store.prepare()
        inject = ["-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}"]
        done = subprocess.run(
            ["strace", *inject, sys.executable, str(HERE / "commit_once.py"), str(store.root)],
            capture_output=True,
            check=False,
        )
        there = store.manifest(WANT.artifact) is not None
        if done.returncode == 0:
            assert there
            break
        if there:
            store.verify(WANT.artifact)
        else:
            finish(store)
    assert done.returncode == 0
    assert number > 2


def finish(store):
    """Do what the next apply does with work in progress, and check the result."""
    _, resumes = store.open_partial(WANT)
    if resumes and store.half_committed(WANT.artifact):
        store.finish(WANT.artifact)
    else:
        fill(store)
        store.commit(WANT, "toy", {}, 1)
    store.verify(WANT.artifact)


def test_a_store_is_made_where_nothing_is(tmp_path):
    """A missing folder becomes a store that git ignores, and preparing it again changes nothing."""
    store = Store(tmp_path / "a" / "b")
    store.prepare()
    store.prepare()
    assert (store.root / ".gitignore").read_text() == "*\n"
    assert store.artifacts.is_dir()
    assert store.manifests() == []


def test_other_peoples_folders_are_refused(tmp_path):
    """A folder with foreign files, a file, and a store of a newer format are refused before anything is written."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StageFailed, match=r"it holds other files, such as `thesis\.tex`"):
        Store(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(StageFailed, match="cannot be used as a store: not a directory"):
        Store(tmp_path / "thesis.tex").prepare()
    newer = Store(tmp_path / "newer")
    newer.prepare()
    (newer.root / "store.json").write_text('{"format": 2}')
    with pytest.raises(StageFailed, match="a newer drdoctl made it"):
        newer.prepare()


def test_a_store_that_cannot_be_written_is_refused(tmp_path):
    """A store on a read-only file system is refused with a clear error before any computing."""
    store = Store(tmp_path / "store")
    store.prepare()
    bind = ["mount", "--bind", str(tmp_path), str(tmp_path)]
    remount = ["mount", "-o", "remount,bind,ro", str(tmp_path)]
    if any(subprocess.run(command, check=False, capture_output=True).returncode for command in (bind, remount)):
        pytest.skip("needs the right to mount")
    try:
        with pytest.raises(StageFailed, match="Read-only file system"):
            store.prepare()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_artifacts_are_listed_as_they_were_made(store, monkeypatch):
    """Where the clock was set back, or too coarse, manifests come in the order of the commits; old ones first."""
    hours = iter([5, 5, 1, 3])
    clock = SimpleNamespace(now=lambda _: datetime(2026, 3, 1, next(hours), tzinfo=UTC))
    monkeypatch.setattr(manifest_module, "datetime", clock)
    wants = [Want("sft", 1, {"seed": seed}, {}, {}) for seed in (3, 1, 2, 0)]
    for want in wants:
        fill(store, want)
        store.commit(want, "toy", {}, 1)
    assert [made["settings"]["seed"] for made in store.manifests()] == [3, 1, 2, 0]
    assert [made["number"] for made in store.manifests()] == [1, 2, 3, 4]
    before = store.path(wants[2].artifact) / "manifest.json"
    later = {"number", "sha256"}  # that artifacts of an earlier version do not have
    content = {key: value for key, value in json.loads(before.read_text()).items() if key not in later}
    before.write_text(json.dumps(content))
    assert [made["settings"]["seed"] for made in store.manifests()] == [2, 3, 1, 0]
