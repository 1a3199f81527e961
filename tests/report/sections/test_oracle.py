"""Reward models: their numbers, and a diagram of how sure they are against how often they are right."""

from page import body, tables, words

from drdoctl.report.sections import oracle


def _figure(metric, value, group=None, **more):
    base = {"low": None, "high": None, "unit": "share", "p": None, "count": 9, "test_set": None, "warnings": []}
    return {"metric": metric, "value": value, "group": group, **base, **more}


FIGURES = [
    _figure("accuracy", 0.75, low=0.7, high=0.8, p=0.01),
    _figure("reliability_stated", 0.6, "sure 0.5 to 0.75"),
    _figure("reliability_observed", 0.5, "sure 0.5 to 0.75", low=0.4, high=0.6),
    _figure("reliability_stated", 0.9, "sure 0.75 to 1"),
    _figure("reliability_observed", 0.95, "sure 0.75 to 1"),
    _figure("reliability_stated", 0.99, "without an observation"),
]


def test_reliability_is_drawn(report):
    """Each bin that has both numbers is a dot, beside the diagonal; the words tell the numbers."""
    report["oracles"] = [{"label": "oracle", "stage": "evaluate[oracle]", "figures": FIGURES}]
    made = oracle.html(report)
    assert made.count("<circle") == 2
    assert 'class="rule"' in made
    assert "0.60 sure, 0.50 right; 0.90 sure, 0.95 right" in made


def test_every_figure_is_a_row(report):
    """The table of all figures has each with its group and its p-value."""
    report["oracles"] = [{"label": "oracle", "stage": "evaluate[oracle]", "figures": FIGURES}]
    root = body(oracle.html(report))
    rows = tables(root)[-1]
    assert len(rows) == 1 + len(FIGURES)
    assert rows[1] == ["accuracy", "all pairs", "-", "0.750 [0.700, 0.800]", "0.010", "9"]
    assert "All figures of oracle" in words(root)


def test_each_test_set_has_its_diagram(report):
    """Pairs from a file are drawn apart from the held-out ones."""
    figures = FIGURES + [{**row, "test_set": "more.jsonl"} for row in FIGURES]
    report["oracles"] = [{"label": "oracle", "stage": "evaluate[oracle]", "figures": figures}]
    captions = [words(node) for node in body(oracle.html(report)).iter("figcaption")]
    assert captions == ["oracle", "oracle, more.jsonl"]


def test_not_measured_no_section(report):
    """Without an evaluation of a reward model there is no section."""
    assert oracle.html(report | {"oracles": []}) == ""
