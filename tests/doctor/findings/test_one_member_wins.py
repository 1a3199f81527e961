"""One member of an ensemble always wins the minimum."""

from wards import join, only, rewards, seen, steady, ward


def shares(*values):
    """Return the log of an ensemble whose members have these shares."""
    found = {f"member_share_{index}": value for index, value in enumerate(values)}
    return steady(**found, **{f"member_loss_{index}": 0.5 for index in range(len(values))})


def test_members_of_one_scale_are_a_note(tmp_path):
    """e-DPO is then d-DPO with that member, whether the rewards are there to look at or not."""
    case = ward(tmp_path / "a", lines=shares(0.0, 1.0, 0.0), method__reward_scale="none")
    only("one_member_wins", case, "note", "member 1 of 3", "100 %", "e-DPO is d-DPO")
    join(case, rewards=rewards(tmp_path / "r", train=[{}, {"margin_std": 1.2}, {}]))
    only("one_member_wins", case, "note", "member 1 of 3")


def test_the_advice_is_a_minimum_over_fewer_pairs(tmp_path):
    """Whoever takes it for each pair already is told of the members alone."""
    finer = "take `ensemble_min: example`"
    told = {"dataset": f"{finer} or `batch`, or m", "batch": f"{finer}, or m", "example": "take m"}
    for over, words in told.items():
        case = ward(tmp_path / over, lines=shares(0.0, 1.0), method__ensemble_min=over, method__reward_scale="none")
        assert words in only("one_member_wins", case, "note").advice


def test_a_member_on_a_smaller_scale_is_a_warning(tmp_path):
    """It wins for its size; with `reward_scale: std` that cannot be the reason."""
    made = rewards(tmp_path / "r", train=[{"margin_std": 0.5}, {}, {}])
    case = join(ward(tmp_path / "a", lines=shares(0.97, 0.02, 0.01), method__reward_scale="none"), rewards=made)
    found = only("one_member_wins", case, "warning", "the least scale wins")
    assert "reward_scale: std" in found.advice
    scaled = join(ward(tmp_path / "b", lines=shares(0.97, 0.02, 0.01), method__reward_scale="std"), rewards=made)
    only("one_member_wins", scaled, "note", "member 0 of 3")


def test_members_that_take_turns_are_left_alone(tmp_path):
    """So is an ensemble of one, and a method without members."""
    for place, lines in enumerate((shares(0.5, 0.3, 0.2), shares(1.0), steady())):
        assert not seen("one_member_wins", ward(tmp_path / str(place), lines=lines))
