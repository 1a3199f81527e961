"""An oracle that remembers its pairs."""

import json

from wards import only, rewards, seen

GAP = {"train": [{"accuracy": 0.95}], "held": [{"accuracy": 0.7}]}


def test_remembered_labels_are_a_warning(tmp_path):
    """95 % of the training pairs, 70 % of the others; each member by itself."""
    case = rewards(tmp_path / "a", train=[{}, {"accuracy": 0.95}], held=[{}, {"accuracy": 0.7}])
    only("oracle_overfitted", case, "warning", "member 1 is overfitted", "95.0 %", "70.0 %")


def test_a_small_gap_is_left_alone(tmp_path):
    """One pass over the data leaves a hundredth."""
    assert not seen("oracle_overfitted", rewards(tmp_path / "a", train=[{"accuracy": 0.74}], held=[{"accuracy": 0.7}]))


def test_few_held_out_pairs_tell_nothing(tmp_path):
    """A gap of 0.2 on 20 pairs is chance."""
    case = rewards(tmp_path / "a", train=[{"accuracy": 0.9}], held=[{"accuracy": 0.7}])
    case.inputs["data"].folder.joinpath("report.json").write_text(
        '{"parts": {"train": {"rows": 1000}, "eval": {"rows": 20}}}'
    )
    assert not seen("oracle_overfitted", case)


def test_pairs_that_the_oracle_labelled_tell_nothing(tmp_path):
    """Where the split goes by the oracle's rewards, it agrees with the training labels by construction."""
    case = rewards(tmp_path / "a", **GAP)
    assert seen("oracle_overfitted", case)
    case.inputs["data"].inputs["rewards"] = case
    assert not seen("oracle_overfitted", case)


def test_sure_pairs_are_easier_than_held_out_ones(tmp_path):
    """A split that raised the mean confidence explains the gap; one that left it as it was does not."""
    for name, after in (("easy", 7.5), ("sample", 5.1)):
        case = rewards(tmp_path / name, **GAP)
        path = case.inputs["data"].folder / "report.json"
        table = {"train": [{"mean_confidence": 5.0}, {"mean_confidence": after}]}
        path.write_text(json.dumps({**json.loads(path.read_text()), "statistics": table}))
        assert bool(seen("oracle_overfitted", case)) == (name == "sample")
