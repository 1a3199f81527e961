"""Rewards against rewards: one cloud a student, on one scale, with its correlation as a number."""

from page import body, tables, words

from drdoctl.report.clouds import SHOWN
from drdoctl.report.sections import rewards


def test_a_cloud_for_each_student(report):
    """Margins of pairs for aligned students, scores of responses for all, each kind with its table."""
    root = body(rewards.html(report))
    captions = [words(node) for node in root.iter("figcaption")]
    assert captions == ["drdo", "dpo", "sft", "drdo", "dpo"]
    pairs, responses = tables(root)
    assert pairs[1] == ["drdo", "1.00", "100.0", "40"]
    assert [row[0] for row in responses[1:]] == ["sft", "drdo", "dpo"]


def test_drawn_points_are_told(report):
    """Where only some points are drawn the page says how many; else it does not."""
    assert "picked at random" not in rewards.html(report)
    report["clouds"][0]["count"] = 4 * SHOWN
    assert f"Drawn are 40 of {4 * SHOWN:,}, picked at random" in rewards.html(report)


def test_many_students_are_folded(report):
    """Of many students the first are in sight, and the fold says how many more there are."""
    cloud = report["clouds"][0]
    labels = [f"m{at}" for at in range(rewards.MOST + 2)]
    report["clouds"] = [{**cloud, "student": label} for label in labels]
    report["students"] = [{**report["students"][1], "label": label} for label in labels]
    made = rewards.html(report)
    assert "2 more students" in made
    assert made.partition("<details")[0].count("<figure") == rewards.MOST


def test_no_oracle_no_section(report):
    """Without clouds there is no section."""
    assert rewards.html(report | {"clouds": []}) == ""
