"""An unlikelihood term without effect: a fact with sums, a fault of the loss where it was the only push."""

from wards import only, seen, steady, ward

DEAD = steady(unlikelihood=-1e-20)


def test_with_other_roads_it_is_a_note(tmp_path):
    """Distillation and the gate's gradient still lower the rejected responses."""
    case = ward(tmp_path / "a", lines=DEAD, method__reward="implicit", method__gamma=2.0)
    only("dead_unlikelihood", case, "note", "the unlikelihood term is dead", "the distillation and the gate's gradient")
    head = ward(tmp_path / "b", lines=DEAD, method__reward="head", method__gamma=2.0)
    only("dead_unlikelihood", head, "note", "fall through the gate's gradient alone")


def test_with_none_it_is_a_warning(tmp_path):
    """Without distillation and with a detached gate the loss is imitation."""
    case = ward(tmp_path / "a", lines=DEAD, method__distillation=False, method__detach_gate=True)
    only("dead_unlikelihood", case, "warning", "only imitates the chosen ones")


def test_a_live_term_is_left_alone(tmp_path):
    """As with log-probabilities a token; and a method without the term has nothing to say."""
    assert not seen("dead_unlikelihood", ward(tmp_path / "a", lines=steady(unlikelihood=-0.5)))
    assert not seen("dead_unlikelihood", ward(tmp_path / "b", lines=[{"step": 1, "loss": 1.0}] * 20))
