"""`drdoctl report`: the file, the tables, the JSON, and what is said where stages are missing."""

import json
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from drdoctl.cli import report as verb
from drdoctl.cli.options import shared
from drdoctl.core.errors import StageFailed, UserError

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from report_house import make_house  # the path comes first


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Return a store with all stages of one spec finished."""
    return make_house(tmp_path_factory.mktemp("report") / "store")


def invoke(house, *args: str, out: Path | None = None, partial: bool = False):
    """Run the verb's second half on a ready plan, with the real options."""

    @click.command()
    @shared(sets=True)
    def call(options):
        verb.show(options, Path("spec.yaml"), out, house.plan, house.store, partial=partial)

    return CliRunner().invoke(call, list(args), standalone_mode=False)


def test_prints_tables_and_path(house):
    """Without options the file lies in the store; stdout has the tables and, last, its path; `-q` the path alone."""
    result = invoke(house)
    path = house.store.reports / "demo.html"
    assert result.exception is None
    assert "Students at temperature 0.7" in result.stdout
    assert result.stdout.splitlines()[-1] == str(path)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert invoke(house, "-q").stdout.splitlines() == [str(path)]


def test_json_is_the_report(house, tmp_path):
    """`--json` prints the report's data alone, and writes a file only where `--out` asks for it."""
    before = sorted(house.store.reports.rglob("*")) if house.store.reports.exists() else []
    report = json.loads(invoke(house, "--json").stdout)
    assert (report["format"], report["name"]) == (1, "demo")
    after = sorted(house.store.reports.rglob("*")) if house.store.reports.exists() else []
    assert before == after
    out = tmp_path / "deep" / "page.html"
    assert json.loads(invoke(house, "--json", out=out).stdout) == report
    assert out.exists()


def test_a_store_that_takes_no_file(house, monkeypatch, tmp_path):
    """The hint is the same command with `--out`; where that was given, the file's own folder is to be mended."""

    def refuse(path, _):
        raise StageFailed(f"cannot write `{path}`: Read-only file system", code="disk", hint=f"mend `{path.parent}`")

    monkeypatch.setattr("drdoctl.core.files.write_atomic", refuse)
    fault = invoke(house).exception.faults[0]
    assert fault.code == "disk"
    assert fault.hint == "`drdoctl --out report.html` writes it elsewhere"  # called without the words of a user
    assert invoke(house, out=tmp_path / "page.html").exception.faults[0].hint == f"mend `{tmp_path}`"


def test_missing_stages_are_named(tmp_path):
    """Every stage that is not finished is named, with the command that finishes them."""
    house = make_house(tmp_path / "store", leave_out=("align[dpo]", "evaluate[dpo]"))
    result = invoke(house, "--set", "data.split=[{name: easy}]", "--store", "a b")
    assert isinstance(result.exception, UserError)
    fault = result.exception.faults[0]
    assert fault.message == "not finished: `align[dpo]`, `evaluate[dpo]`"
    rest = "--set 'data.split=[{name: easy}]' --store 'a b'"
    assert fault.hint == (
        f"`drdoctl apply spec.yaml {rest}`; `drdoctl report spec.yaml --partial {rest}` shows what is there"
    )
    assert not house.store.reports.exists()


def test_what_is_there_can_be_reported(tmp_path):
    """With `--partial` what is finished is reported, and the rest named; where nothing is, there is no report."""
    house = make_house(tmp_path / "store", leave_out=("align[dpo]", "evaluate[dpo]"))
    result = invoke(house, partial=True)
    assert result.exception is None
    assert "missing: `align[dpo]`, `evaluate[dpo]` are not finished" in result.stdout
    page = (house.store.reports / "demo.html").read_text(encoding="utf-8")
    assert "align[dpo]</code>, <code>evaluate[dpo]</code> are not finished" in page
    unmeasured = make_house(tmp_path / "unmeasured", leave_out=("evaluate[dpo]", "evaluate[drdo]", "evaluate[sft]"))
    assert (
        "Losses" in (invoke(unmeasured, partial=True).exception or unmeasured.store.reports / "demo.html").read_text()
    )
    empty = make_house(tmp_path / "empty", leave_out=tuple(house.wants))
    fault = invoke(empty, partial=True).exception.faults[0]
    assert (fault.code, fault.hint) == ("not-finished", "`drdoctl apply spec.yaml`")
