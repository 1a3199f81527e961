"""Provenance on the page: stages, fingerprints, versions, machine."""

from page import body, tables, words

from drdoctl.report.sections import provenance


def test_everything_is_traced(report):
    """Every stage has its artifact and its whole fingerprint; what lies outside, versions and the machine are there."""
    root = body(provenance.html(report))
    made = tables(root)
    assert [rows[0][0] for rows in made] == ["stage", "stage", "what", "package", "fact"]
    for row in report["stages"]:
        assert [row["id"], row["fingerprint"]] in made[1]
    assert "not finished" not in words(root)
