"""Samples side by side: prompt, responses, all scores, escaped, the long ones folded."""

from page import body, words
from report_house import HOSTILE

from drdoctl.report.sections import samples


def test_every_response_with_all_its_scores(report):
    """Each student's response stands below its prompt with every score, rewards first, and whether it ended."""
    root = body(samples.html(report))
    first = next(root.iter("article"))
    assert [words(node) for node in first.iter("h4")] == ["reference", "sft", "drdo", "dpo"]
    assert HOSTILE in words(first)
    told = [words(node) for node in first.iter("p") if node.attrib["class"] == "scores"]
    assert told[3].startswith("oracle 2.25true reward 4.50")
    assert "not ended" in words(root)


def test_only_some_prompts_are_in_sight(report):
    """The first prompts are in sight, the others are folded under their beginning."""
    root = body(samples.html(report))
    summaries = [words(node) for node in root.iter("summary")]
    assert len(list(root.iter("article"))) == len(report["generations"])
    assert len(summaries) == len(report["generations"]) - samples.OPEN
    assert summaries[0].startswith("Prompt 4: prompt 15 <b>bold</b>")


def test_many_responses_are_folded(report):
    """A crowd of students is folded beside the first."""
    one = report["generations"][0]
    report["generations"] = [{**one, "responses": [one["responses"][1]] * (samples.SIDE_BY_SIDE + 2)}]
    assert "2 more responses" in samples.html(report)


def test_empty_responses_are_called_empty(report):
    """An empty response is said to be one, and a score that is unknown is left out."""
    row = report["generations"][0]["responses"][1]
    row["text"], row["scores"] = "", {"oracle": None, "truth.wrong": 2.0}
    made = samples.html(report)
    assert "<em>(empty)</em>" in made
    assert "wrong facts</span> <b>2</b>" in made


def test_nothing_sampled_no_section(report):
    """Without samples there is no section."""
    assert samples.html(report | {"generations": []}) == ""
