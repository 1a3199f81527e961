"""Growth: its worlds are longer versions of each other, and its page says what was measured."""

import json

import pytest

from benchmarks import growth_page
from benchmarks.growth_world import BLOCK, rows, write_world
from drdoctl.spec.load import load


def test_a_larger_world_begins_with_the_smaller(tmp_path):
    """Row k does not depend on how many rows there are, so that sizes differ in nothing else; all ids differ."""
    large = list(rows(BLOCK + 50))
    assert large[:70] == list(rows(70))
    assert len({row["id"] for row in large}) == len(large)
    assert all(row["chosen"] != row["rejected"] for row in large)


def test_a_world_is_a_spec_with_its_files(tmp_path):
    """The world's spec loads; cut short, its training stages take so many steps and nothing is evaluated."""
    write_world(tmp_path, 30, None)
    assert len((tmp_path / "pairs.jsonl").read_text().splitlines()) == 30
    whole = load(tmp_path / "spec.yaml").spec
    assert (whole.train.max_steps, len(whole.evaluate)) == (None, 1)
    write_world(tmp_path, 30, 20)
    short = load(tmp_path / "spec.yaml").spec
    assert (short.train.max_steps, short.oracle.max_steps, short.student.sft.max_steps, short.evaluate) == (
        20,
        20,
        20,
        [],
    )
    waiting = load(tmp_path / "splits.yaml").spec
    assert [step.needs_oracle for step in waiting.data.split] == [False, True, True, False]


@pytest.fixture
def known():
    """Return figures of two sizes that grow by 2 ms a pair, and of a third that was cut short."""

    def stage(seconds):
        return {"seconds": 2 * seconds, "cpu_seconds": seconds, "peak_mib": 400.0}

    def size(data, sft, steps):
        host = {"cpus": 2, "memory_gib": 24}
        return {"file_mib": 1.0, "steps": steps, "host": host, "stages": {"data": stage(data), "sft": stage(sft)}}

    return {"1000": size(5.0, 3.0, None), "10000": size(23.0, 12.0, None), "100000": size(203.0, 4.0, 20)}


def test_the_page_tells_what_another_pair_costs(known, tmp_path):
    """Fixed costs cancel out; a stage that was cut short is not compared with one that was not."""
    (tmp_path / "growth").mkdir()
    growth_page.write(tmp_path, known)
    lines = (tmp_path / "growth.md").read_text().splitlines()
    assert "| data | 5.00 (10.0) | 23.00 (46.0) | 203.00 (406.0) | 2.000, 2.000 |" in lines
    assert "| sft | 3.00 (6.0) | 12.00 (24.0) | 4.00 (8.0) | 1.000 |" in lines
    assert any(line.startswith("(*) Training stages take 20 steps") for line in lines)


def test_splits_that_wait_for_an_oracle_have_a_table(known, tmp_path):
    """It has a column for each size they were measured at; a size without the pipeline's figures is left out."""
    (tmp_path / "growth").mkdir()
    stage = {"seconds": 3.0, "cpu_seconds": 1.5, "peak_mib": 420.4}
    known["10000"]["splits"] = {"data[before]": stage, "data": stage}
    known["50000"] = {"splits": {"data": stage}}
    growth_page.write(tmp_path, known)
    lines = (tmp_path / "growth.md").read_text().splitlines()
    at = lines.index("| stage | 10,000 pairs |")
    assert lines[at + 2 : at + 4] == ["| data[before] | 1.50 (3.0), 420 MiB |", "| data | 1.50 (3.0), 420 MiB |"]
    growth_page.write(tmp_path / "none", {"50000": known["50000"]})
    assert not (tmp_path / "none").exists()


def test_the_plot_has_a_line_for_each_stage(known, tmp_path):
    """Two panels, one line a stage in each, up and to the right; sizes that were cut short are not in it."""
    from xml.etree import ElementTree as ET

    (tmp_path / "growth").mkdir()
    growth_page.write(tmp_path, json.loads(json.dumps(known)))
    drawn = ET.parse(tmp_path / "growth" / "growth.svg").getroot()  # noqa: S314 -- our own
    lines = drawn.findall("{*}polyline")
    assert len(lines) == 4
    first = [tuple(map(float, point.split(","))) for point in lines[0].get("points").split()]
    assert len(first) == 3
    assert first[0][0] < first[1][0] < first[2][0]
    assert first[0][1] > first[1][1] > first[2][1]
    assert len(lines[1].get("points").split()) == 2
