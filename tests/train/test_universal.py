"""Universal checkpoints: what needs none, and what is put right after DeepSpeed read one. See also `test_loop.py`."""

import types

import pytest

torch = pytest.importorskip("torch")

from drdoctl.train.runtime import World  # noqa: E402
from drdoctl.train.universal import _mended, universal  # noqa: E402


def test_without_zero_a_checkpoint_fits_any_number_of_processes(tmp_path):
    """At stage 0 the checkpoint is read as it is, and nothing is written."""
    engine = types.SimpleNamespace(zero_optimization_stage=lambda: 0)
    with universal(engine, tmp_path / "step-3", World(0, 1, torch.device("cpu"))) as folder:
        assert folder == tmp_path / "step-3"
    assert list(tmp_path.iterdir()) == []


def test_groups_keep_their_settings_and_steps_are_counted_apart():
    """What loading spread from the first group goes back, and no two parameters share the tensor of their steps."""
    shared, weights = torch.tensor(7.0), [torch.zeros(2), torch.zeros(3)]
    inner = types.SimpleNamespace(state={weight: {} for weight in weights})
    groups = [{"params": weights[:1], "weight_decay": 0.3}, {"params": weights[1:], "weight_decay": 0.0, "rate": 2.0}]
    with _mended(types.SimpleNamespace(param_groups=groups, optimizer=inner)):
        groups[1].update(params=[], weight_decay=0.3)
        for state in inner.state.values():
            state["step"] = shared
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    assert groups[1]["params"] == []
    steps = [state["step"] for state in inner.state.values()]
    steps[0] += 1
    assert [float(step) for step in steps] == [8.0, 7.0]
