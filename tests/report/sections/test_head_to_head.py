"""Head to head: each pair from both sides, framed where chance does not explain it, stamped where its judge taught."""

from page import body, tables

from drdoctl.report.sections import head_to_head


def test_both_sides_of_a_pair(report):
    """The row's wins and the column's add to all, and the differences are each other's negative."""
    maps = [rows for rows in tables(body(head_to_head.html(report))) if rows[0][0] == "wins, %"]
    assert len(maps) == 2
    rows = {row[0]: row[1:] for row in maps[0]}
    names = maps[0][0][1:]
    ours, theirs = rows["drdo"][names.index("dpo")], rows["dpo"][names.index("drdo")]
    assert float(ours[:-5]) + float(theirs[:-5]) == 100
    assert float(ours[-5:]) == -float(theirs[-5:]) == -1.49


def test_a_frame_where_chance_does_not_explain_it(report):
    """Framed is what has a small adjusted p-value, and nothing else."""
    for row in report["differences"]:
        row["p_holm"] = 0.5
    assert head_to_head.html(report).count(" sure") == 0
    for row in report["differences"]:
        row["p_holm"] = 0.01
    assert head_to_head.html(report).count(" sure") == 4


def test_the_judge_is_stamped(report):
    """What a reader must know of a judge stands in the map's title."""
    for row in report["differences"]:
        row["warnings"] = ["judge = teacher"] if row["judge"] == "oracle" else []
    made = head_to_head.html(report)
    assert "by oracle (judge = teacher)" in made
    assert "by the true reward<" in made


def test_one_student_has_nobody_to_meet(report):
    """Without differences there is no section."""
    assert head_to_head.html(report | {"differences": []}) == ""
