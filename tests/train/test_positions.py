"""Positions: every scheme that the engine takes gives a row what it has alone, and what it cannot give is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))

import plain  # noqa: E402

from drdoctl.core.architectures import limit_of  # noqa: E402
from drdoctl.core.errors import UserError  # noqa: E402
from drdoctl.train.batches import collate  # noqa: E402
from drdoctl.train.models import check_window  # noqa: E402

TRAINED = 16
"""Positions that the scaled rotations below were trained with; the models take 64."""
ROTATIONS = {
    "linear": {"rope_type": "linear", "factor": 4.0},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": TRAINED},
    "llama3": {
        "rope_type": "llama3",
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": TRAINED,
    },
    "dynamic": {"rope_type": "dynamic", "factor": 4.0},
    "longrope": {
        "rope_type": "longrope",
        "short_factor": [1.0, 1.0, 1.0, 1.0],
        "long_factor": [1.0, 2.0, 4.0, 8.0],
        "original_max_position_embeddings": TRAINED,
    },
}
SHORT = ([3, 4, 5], ([6, 7, 1], [8, 1]))
LONG = (list(range(2, 40)), ([40, 41, 1], [42, 1]))


def scaled(kind, shape="llama-grouped"):
    config = plain.fields(shape) | {"rope_parameters": {"rope_theta": 1000.0, **ROTATIONS[kind]}}
    if shape == "phi3":
        config["original_max_position_embeddings"] = TRAINED
    return plain.policy(config)


def logps(model, *items):
    with torch.no_grad():
        return model(collate(items)).logp


@pytest.mark.parametrize("kind", ["linear", "yarn", "llama3", "dynamic"])
def test_scaled_rotations(kind):
    """Scaling that gives a position one angle for good is computed as plainly, and beside any other row."""
    model = scaled(kind)
    with torch.no_grad():
        want = plain.forward(plain.stock(model), [SHORT, LONG])[0]
    torch.testing.assert_close(logps(model, SHORT, LONG), want, rtol=1e-6, atol=0)
    torch.testing.assert_close(logps(model, SHORT), want[:2], rtol=1e-6, atol=0)
    assert limit_of(model.lm.config.to_dict()).tokens == 64


@pytest.mark.parametrize("shape", ["llama-grouped", "phi3"])
def test_longrope_within_the_trained_positions(shape):
    """Rows no longer than the trained positions have the short factors, however long the flat row is."""
    model = scaled("longrope", shape)
    items = [SHORT] * 8
    with torch.no_grad():
        want = plain.forward(plain.stock(model), items)[0]
    torch.testing.assert_close(logps(model, *items), want, rtol=1e-6, atol=0)


@pytest.mark.parametrize("shape", ["llama-grouped", "phi3"])
def test_longrope_beyond_them_is_refused_for_it_depends_on_company(shape):
    """A row beside one beyond the trained positions has another log-probability: such lengths are refused."""
    model = scaled("longrope", shape)
    alone, beside = logps(model, SHORT), logps(model, SHORT, LONG)[:2]
    assert (alone - beside).abs().max() > 1e-3
    torch.testing.assert_close(logps(model, SHORT), alone, rtol=0, atol=0)
    check_window(model.lm.config, TRAINED)
    with pytest.raises(UserError, match=rf"takes {TRAINED} tokens at most.*`longrope`"):
        check_window(model.lm.config, TRAINED + 1)


def test_dynamic_scaling_beyond_the_positions_is_refused():
    """`dynamic` rotations change for a whole batch beyond `max_position_embeddings`, where every model ends anyway."""
    model = scaled("dynamic")
    longer = (list(range(2, 42)) * 2, ([40, 41, 1],))
    assert (logps(model, SHORT) - logps(model, SHORT, longer)[:2]).abs().max() > 1e-3
    with pytest.raises(UserError, match="takes 64 tokens at most"):
        check_window(model.lm.config, 65)


@pytest.mark.parametrize("shape", ["mistral", "phi3"])
def test_a_window_holds_the_longest_row_or_is_refused(shape):
    """A row as long as the model's window is computed as plainly; a longer one would not be, and is refused."""
    length = sum(map(len, (LONG[0], LONG[1][0])))
    model = plain.policy(plain.fields(shape) | {"sliding_window": length})
    with torch.no_grad():
        want = plain.forward(plain.stock(model), [LONG])[0]
    torch.testing.assert_close(logps(model, LONG), want, rtol=1e-6, atol=0)
    narrow = plain.policy(plain.fields(shape) | {"sliding_window": 8})
    with torch.no_grad():
        apart = logps(narrow, LONG) - plain.forward(plain.stock(narrow), [LONG])[0]
    assert apart.abs().max() > 1e-3
    with pytest.raises(UserError, match="takes 8 tokens at most: its attention looks back no further"):
        check_window(narrow.lm.config, 9)


@pytest.mark.parametrize("shape", ["opt", "opt-projected"])
def test_learned_positions_reach_the_last_row_of_the_table(shape):
    """A row as long as the table, whatever lies before it, reads the positions that it has alone."""
    model = plain.policy(plain.fields(shape))
    whole = (list(range(2, 40)), ([*range(2, 27), 1], [40, 1]))
    assert len(whole[0]) + len(whole[1][0]) == 64
    with torch.no_grad():
        want = plain.forward(plain.stock(model), [SHORT, whole])[0]
    torch.testing.assert_close(logps(model, SHORT, whole), want, rtol=1e-6, atol=0)
