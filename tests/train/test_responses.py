"""Pieces of sampling: they cover every prompt once, follow from lengths and model alone, and know their room."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.core.errors import UserError
from drdoctl.core.progress import StopRequested
from drdoctl.train.responses import PIECE_ROWS, Sampler, Way, check_room, with_room
from drdoctl.train.sample import SampledResponse

WIDE = SimpleNamespace(
    model_type="opt",
    num_hidden_layers=24,
    num_attention_heads=32,
    hidden_size=2048,
    num_key_value_heads=None,
    head_dim=None,
)
SMALL = SimpleNamespace(
    model_type="llama",
    num_hidden_layers=2,
    num_attention_heads=4,
    hidden_size=64,
    num_key_value_heads=4,
    max_position_embeddings=96,
)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=1500), st.integers(1, 1500), st.sampled_from([WIDE, SMALL]))
@settings(deadline=None, max_examples=50)
def test_pieces_cover_the_prompts(lengths, count, config):
    """Every prompt asked for lies in exactly one piece, the longest first, however many processes there are."""
    way = Way(0.7, 0.8, 30, min(count, len(lengths)))
    prompts = [[1] * length for length in lengths]
    pieces = [
        Sampler(None, SimpleNamespace(rank=0, size=size), prompts, ["x"] * len(lengths)).pieces(config, way)
        for size in (1, 2)
    ]
    rows = np.concatenate(pieces[0])
    assert sorted(rows) == list(range(way.prompts))
    assert list(np.array(lengths)[rows]) == sorted(lengths[: way.prompts], reverse=True)
    assert all(len(piece) <= PIECE_ROWS[1] for piece in pieces[0])
    assert [piece.tolist() for piece in pieces[0]] == [piece.tolist() for piece in pieces[1]]


def test_prompts_with_room():
    """Those after which the model has positions for the new tokens; all, where it sets no limit."""
    prompts = [[1] * 40, [1] * 41, [1] * 2]
    assert with_room(SMALL, prompts, 56) == [0, 2]
    assert with_room(SimpleNamespace(), prompts, 10_000) == [0, 1, 2]


def test_room_is_checked():
    """A response limit beyond the model's positions is a fault that names the limit that fits."""
    with pytest.raises(UserError, match="96 positions") as caught:
        check_room(SMALL, 40, Way(0.7, 0.8, 57, 5))
    assert "`max_new_tokens: 56`" in caught.value.faults[0].hint
    with pytest.raises(UserError, match="96 positions") as caught:
        check_room(SMALL, 96, Way(0.7, 0.8, 1, 5))
    assert "data.max_prompt_tokens" in caught.value.faults[0].hint
    check_room(SMALL, 40, Way(0.7, 0.8, 56, 5))
    check_room(SimpleNamespace(), 40, Way(0.7, 0.8, 10_000, 5))


def test_what_a_resume_need_not_sample_is_said(tmp_path, monkeypatch):
    """A stop within a piece loses that piece: what is kept are whole ones, also those of an earlier run."""
    way = Way(0.7, 0.8, 10, 1100)
    prompts, ids = [[1] * 5] * 1100, [f"p{row}" for row in range(1100)]
    job = SimpleNamespace(out=str(tmp_path), fingerprint="f", settings={"seed": 1}, path=tmp_path.joinpath)
    lm = SimpleNamespace(config=SMALL, device=torch.device("cpu"))
    stop_in = iter([None, "here", None, None])

    def some(lm, prompts, *, between, **_):
        between(5, 5 * len(prompts))
        if next(stop_in):
            (tmp_path / "stop").touch()
            between(7, 2 * len(prompts))
        return [SampledResponse([1, 2], True) for _ in prompts]

    monkeypatch.setattr("drdoctl.train.responses.sample", some)

    def told():
        found = json.loads((tmp_path / "progress.json").read_text())
        return found["unit"], found["kept"], found["steps"]

    def sampler():
        return Sampler(job, SimpleNamespace(rank=0, size=1, first=True), prompts, ids)

    with pytest.raises(StopRequested):
        sampler().fill(lm, [way], [2], "fp32")
    assert told() == ("token", 10 * 512, 11_000)
    (tmp_path / "stop").unlink()
    assert len(sampler().run(lm, [way], [2], "fp32")[way.label]) == 1100
    assert told() == ("token", 11_000, 11_000)
