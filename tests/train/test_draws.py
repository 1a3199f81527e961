"""Draws: streams of uniform numbers, top-p as the mathematics has it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.train import draws as module
from drdoctl.train.draws import pick, row_seed, uniforms


@pytest.mark.parametrize("tops", [(2, 3), (64, 1024)])
@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 0.8), (0.7, 0.8), (1.0, 1.0), (2.0, 0.5)])
def test_top_p_distribution(temperature, top_p, tops, monkeypatch):
    """Draws follow the renormalised nucleus (chi-square, p > 1e-4), also when the first look is too narrow for it."""
    monkeypatch.setattr(module, "TOPS", tops)
    count = 40_000
    p = np.array([0.02, 0.3, 0.05, 0.2, 0.15, 0.08, 0.12, 0.08])
    logits = torch.tensor(np.log(p), dtype=torch.float32).expand(count, -1)
    draws = torch.from_numpy(uniforms([row_seed(1, str(i), "x") for i in range(count)], 1)[:, 0])
    tokens = pick(logits, temperature, top_p, draws).numpy()
    hot = p ** (1 / temperature)
    hot /= hot.sum()
    order = np.argsort(-hot, kind="stable")
    kept = order[: int((np.cumsum(hot[order]) - hot[order] < top_p).sum())]
    want = hot[kept] / hot[kept].sum() * count
    seen = np.bincount(tokens, minlength=8)
    assert seen[kept].sum() == count
    chi = ((seen[kept] - want) ** 2 / want).sum()
    bound = {1: 15.1, 2: 18.4, 3: 21.1, 4: 23.5, 5: 25.7, 6: 27.9, 7: 29.9}[len(kept) - 1]
    assert chi < bound


@given(
    st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=40),
    st.floats(0.01, 1),
    st.floats(0, 1, exclude_max=True),
)
@settings(deadline=None, max_examples=60)
def test_pick_stays_in_the_nucleus(logits, top_p, draw):
    """Whatever the logits, the token drawn belongs to the smallest set of likely tokens with mass top-p."""
    values = torch.tensor([logits])
    token = int(pick(values, 1.0, top_p, torch.tensor([draw]))[0])
    p = torch.softmax(values, 1)[0].double()
    above = float(p[p > p[token]].sum())
    assert above < top_p + 1e-6


@pytest.mark.parametrize("scale", [0.1, 2.0, 12.0])
def test_without_a_nucleus_the_first_look_changes_nothing(scale, monkeypatch):
    """`top_p: 1` draws what ordering the whole vocabulary draws, which is looked at for few rows only."""
    torch.manual_seed(0)
    logits, draws = scale * torch.randn(300, 4000), torch.rand(300, dtype=torch.float64)
    looked, topk = {}, torch.Tensor.topk
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "topk", lambda x, k, dim: looked.update({k: len(x)}) or topk(x, k, dim=dim))
        found = pick(logits, 1.0, 1.0, draws)
    monkeypatch.setattr(module, "TOPS", ())
    assert torch.equal(found, pick(logits, 1.0, 1.0, draws))
    assert looked[64] == 300
    assert looked.get(4000, 0) < 300
    assert scale < 10 or looked.get(1024, 0) < 10


def test_uniforms_are_uniform_and_apart():
    """Streams fill [0, 1) evenly, differ between rows and steps, and never change."""
    draws = uniforms([row_seed(0, str(i), "a") for i in range(2000)], 20)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert abs(draws.mean() - 0.5) < 0.005
    assert len(np.unique(draws)) == draws.size
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 0.1
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.1
    published = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)  # splitmix64 from state 0
    assert uniforms([0], 3)[0].tolist() == [(word >> 11) * 2.0**-53 for word in published]
