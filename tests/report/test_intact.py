"""A report is made of whole files, or not at all."""

import shutil
from dataclasses import replace

import pytest

from drdoctl.core.errors import IntegrityError
from drdoctl.report.collect import collect
from drdoctl.report.intact import check_intact
from drdoctl.stages import Want
from drdoctl.store.artifact import Store


@pytest.fixture
def copy(house, tmp_path):
    """Return a house that may be damaged."""
    shutil.copytree(house.store.root, tmp_path / "store")
    return replace(house, store=Store(tmp_path / "store"))


@pytest.mark.parametrize(
    ("stage", "name", "content"),
    [
        ("evaluate[drdo]", "figures.json", b"{broken"),
        ("evaluate[drdo]", "figures.json", b'{"figures": []}'),
        ("evaluate[dpo]", "samples.parquet", b"PAR1"),
        ("evaluate[dpo]", "samples.parquet", None),
        ("align[drdo]", "metrics.jsonl", b"\x80\x81"),
    ],
)
def test_no_report_is_made_of_damaged_files(copy, stage, name, content):
    """A file that is gone or not as it was committed is named, with the folder to delete."""
    artifact = copy.wants[stage].artifact
    path = copy.store.path(artifact) / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(IntegrityError) as caught:
        collect(copy.store, copy.plan)
    (fault,) = caught.value.faults
    assert name in fault.message
    assert artifact in fault.message
    assert artifact in (fault.hint or "")


def test_no_report_is_made_beside_a_manifest_that_was_changed(copy):
    """An artifact whose manifest was edited is not taken as not made yet: it is named, with the folder to delete."""
    artifact = copy.wants["evaluate[drdo]"].artifact
    path = copy.store.path(artifact) / "manifest.json"
    path.write_text(path.read_text().replace('"seconds": ', '"seconds": 1'))
    with pytest.raises(IntegrityError, match="is not as it was written") as caught:
        collect(copy.store, copy.plan)
    (fault,) = caught.value.faults
    assert f"rm -r {copy.store.path(artifact)}" in (fault.hint or "")


def test_all_damage_is_told_at_once(copy):
    """Every damaged artifact has a fault of its own."""
    artifacts = [copy.wants[stage].artifact for stage in ("align[drdo]", "align[dpo]")]
    for artifact in artifacts:
        (copy.store.path(artifact) / "metrics.jsonl").write_text("{}\n")
    with pytest.raises(IntegrityError) as caught:
        check_intact(copy.store, artifacts)
    assert len(caught.value.faults) == 2


def test_what_findings_rest_on_is_checked_too(tmp_path):
    """The statistics of rewards are in no table, and yet what the doctor says of the oracle rests on them."""
    store, want = Store(tmp_path / "store"), Want("rewards", 1, {})
    store.prepare()
    folder, _ = store.open_partial(want)
    (folder / "stats.json").write_text("{}")
    store.commit(want, "demo", {}, 1.0)
    check_intact(store, [want.artifact])
    (store.path(want.artifact) / "stats.json").write_text("[]")
    with pytest.raises(IntegrityError, match=r"stats\.json"):
        check_intact(store, [want.artifact])
