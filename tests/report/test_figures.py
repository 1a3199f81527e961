"""The report's charts: what is drawn, on which scale, and that nothing is drawn from nothing."""

from drdoctl.report.collect import collect
from drdoctl.report.figures import curves, results


def test_every_training_stage_has_its_curves(house):
    """Losses of all stages, log-probabilities and accuracy of each student, the gate only where it was logged."""
    page = curves(collect(house.store, house.plan))
    for name in ("Loss of sft", "Loss of oracle", "Loss of align[drdo]", "log π of align[dpo]", "Gate of align[drdo]"):
        assert f"<figcaption>{name}" in page
    assert "Gate of align[dpo]" not in page
    assert "Oracle: reward puts the chosen first" in page
    assert "mean over up to 3 steps" in page


def test_diagnosis_is_said(house):
    """What is doubtful about a student's training stands below its curves, and only a student's."""
    page = curves(collect(house.store, house.plan))
    assert "<li>align[dpo]: the chosen responses&#x27; log-probability fell from" in page
    assert "<li>sft:" not in page


def test_students_share_the_log_probability_scale(house):
    """Chosen and rejected of different students are drawn between the same ticks."""
    report = collect(house.store, house.plan)
    low = next(row for row in report["curves"] if row["stage"] == "align[dpo]")
    low["series"]["rejected_logp"][-1] = -400.0
    page = curves(report)
    assert page.count(">-400</text>") == 2


def test_results_show_intervals(house):
    """Main figures are drawn with their intervals; by temperature only where there are more than two."""
    page = results(collect(house.store, house.plan))
    assert "True reward, temperature 0.7: sft 1.72 (1.62 to 1.82)" in page
    assert "by temperature" not in page


def test_nothing_from_nothing(house):
    """Without logs and figures there are no charts and no empty headings."""
    report = collect(house.store, house.plan) | {"curves": [], "students": []}
    assert curves(report) == results(report) == ""
