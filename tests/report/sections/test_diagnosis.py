"""What the doctor sees: the worst first, stages with the same fault together, evidence as a table."""

from page import body, tables, words

from drdoctl.report.sections import diagnosis


def _finding(severity, code, stage):
    evidence = [{"file": f"{stage}/metrics.jsonl", "steps": [1, 9], "values": {"gate": 0.25, "lost": None}}]
    return {
        "code": code,
        "severity": severity,
        "stage": stage,
        "artifact": f"{stage}-1",
        "message": "it is `shut` <b>",
        "advice": "lower `gamma`",
        "evidence": evidence,
    }


def test_the_worst_first_and_alike_together(report):
    """Faults stand before notes; the same finding of two stages is one block."""
    found = [_finding("note", "b", "s1"), _finding("fault", "a", "s2"), _finding("note", "b", "s3")]
    root = body(diagnosis.html(report | {"findings": found}))
    blocks = [node for node in root.iter("div") if node.attrib.get("class", "").startswith("finding")]
    assert [node.attrib["class"] for node in blocks] == ["finding is-fault", "finding is-note"]
    assert "s1: it is shut <b>. Lower gamma." in words(blocks[1])
    assert "s3: it is" in words(blocks[1])


def test_evidence_is_a_table(report):
    """Each number has its file, its steps and its name; what is not known is a dash."""
    (rows,) = tables(body(diagnosis.html(report | {"findings": [_finding("warning", "a", "s1")]})))
    assert rows[1] == ["s1", "s1/metrics.jsonl", "1 to 9", "gate", "0.25"]
    assert rows[2][-1] == "-"


def test_nothing_seen_no_section(report):
    """Without findings there is no section."""
    assert diagnosis.html(report | {"findings": []}) == ""
