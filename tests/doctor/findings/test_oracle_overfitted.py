"""An oracle that remembers its pairs."""

from wards import only, rewards, seen


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
