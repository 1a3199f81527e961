import pytest

from drdoctl.store.folder import newest_checkpoint, remove, result_files, sweep


def test_the_newest_checkpoint_is_by_number_and_whole(tmp_path):
    """Step 10 is newer than step 9, a folder without a manifest does not count, nor does a name without a number."""
    assert newest_checkpoint(tmp_path) is None
    for name, whole in (("step-9", True), ("step-10", True), ("step-11", False), ("step-x", True)):
        folder = tmp_path / "checkpoints" / name
        folder.mkdir(parents=True)
        if whole:
            (folder / "manifest.json").touch()
    assert newest_checkpoint(tmp_path) == 10


@pytest.mark.parametrize("name", [".12.train.parquet", ".progress.json.7.tmp", ".failure.0.tmp", ".tmpjSa74u"])
def test_unfinished_files_are_swept_and_others_stay(tmp_path, name):
    """Half-written files go; results, hidden ones too, stay."""
    for kept in (".gitattributes", "a.tmp", name):
        (tmp_path / kept).touch()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitattributes", "a.tmp"]


def test_results_are_all_files_but_the_work(tmp_path):
    """A file below a work folder, or with a work file's name at the top, is no result; deeper down the name is free."""
    for name in ("model/a", "model/log.txt", "checkpoints/step-1/b", "work/c", "log.txt", "manifest.json", "z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert result_files(tmp_path) == ["model/a", "model/log.txt", "z"]


def test_removing_a_link_leaves_what_it_points_at(tmp_path):
    """A link to a folder is removed as a link."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove(tmp_path / "link")
    remove(tmp_path / "never")
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "file"]
