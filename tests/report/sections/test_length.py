"""Length against reward: students beside the reference, means and courses, all of it as numbers too."""

from page import body, tables, words

from drdoctl.report.sections import length


def test_means_and_courses_by_every_judge(report):
    """Each judge has two charts; the table has a row for each student and judge, the reference's among them."""
    root = body(length.html(report))
    assert [words(node) for node in root.iter("figcaption")] == [
        *("Mean length and true reward", "True reward by length"),
        *("Mean length and reward by oracle", "Reward by oracle by length"),
    ]
    (rows,) = tables(root)
    assert [row[0] for row in rows[1::2]] == ["reference", "sft", "drdo", "dpo"]


def test_intervals_are_drawn_where_known(report):
    """A mean without an interval is a dot alone."""
    row = {**report["lengths"][0], "tokens_low": None, "tokens_high": None, "low": None, "high": None}
    made = length.html(report | {"lengths": [row]}).partition("</figure>")[0]
    assert made.count("<circle") == 1
    assert '<line class="line' not in made


def test_no_scores_no_section(report):
    """Without scored responses there is no section."""
    assert length.html(report | {"lengths": []}) == ""
