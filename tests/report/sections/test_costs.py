"""Costs: what each stage took against what was expected, and all together."""

from page import body, tables

from drdoctl.report.sections import costs


def test_stages_and_their_sum(report):
    """Each finished stage is a row, the last is all of them; what was expected stands beside."""
    (rows,) = tables(body(costs.html(report)))
    assert len(rows) == 2 + len(report["stages"])
    by_name = {row[0]: row for row in rows}
    assert by_name["sft"][1:3] == ["12 s", "10 s"]
    assert by_name["all stages"][1] == "1 min 40 s"
    assert "money" not in rows[0]


def test_money_where_it_has_a_price(report):
    """With a price each stage has its cost, and the sum stands below."""
    for row in report["stages"]:
        row["cost"] = 0.5
    report["total"]["cost"] = 4.0
    (rows,) = tables(body(costs.html(report)))
    at = rows[0].index("money")
    assert (rows[1][at], rows[-1][at]) == ("0.50", "4.00")


def test_nothing_finished_no_section(report):
    """Without finished stages there is no section."""
    assert costs.html(report | {"stages": []}) == ""
