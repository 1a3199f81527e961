"""Where things lie in the flat row, and what a forward pass reads there (`test_equivalence` holds the numbers)."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from drdoctl.train.batches import collate  # noqa: E402
from drdoctl.train.forward import _CrossEntropy  # noqa: E402
from drdoctl.train.models import Policy, new_head, new_lm  # noqa: E402

FIELDS = {"hidden_size": 32, "layers": 2, "heads": 4, "mlp_size": None, "activation": "gelu", "max_positions": 64}
FIELDS |= {"rope_theta": 1000.0, "tied": True, "init_std": 0.2, "model_type": "llama"}
SPECIAL = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}
ITEMS = [
    ([3, 4, 5], ([6, 7, 1], [8, 1])),
    ([9, 10], ([11, 12, 13, 1], [14, 15, 1])),
    ([20], ([1],)),
    ([21, 22, 23, 24], ([25, 1],)),
]


@pytest.fixture
def model():
    lm = new_lm(FIELDS, 0, 50, SPECIAL)
    return Policy(lm, new_head(lm.config, 0))


def test_a_response_scores_the_same_alone_and_in_company(model):
    """What else lies in the row does not change a reward or a log-probability."""
    company = model(collate(ITEMS))
    alone = model(collate([([9, 10], ([14, 15, 1],))]))
    assert alone.reward.item() == pytest.approx(company.reward[3].item(), rel=1e-5)
    assert alone.logp.item() == pytest.approx(company.logp[3].item(), rel=1e-6)


def test_detached_trunk_gets_no_gradient_from_the_head(model):
    """With `detach_trunk` the reward's gradient stops at the head."""
    model.detach_trunk = True
    model(collate(ITEMS), logp=False).reward.sum().backward()
    assert model.head.weight.grad is not None
    assert all(weight.grad is None for weight in model.lm.parameters())


def test_empty_parts_are_refused():
    """A prompt or response without tokens cannot be laid out."""
    with pytest.raises(ValueError, match="without tokens"):
        collate([([3], ([],))])
    with pytest.raises(ValueError, match="without tokens"):
        collate([([], ([3],))])


def test_positions_restart_for_every_response():
    """Each response counts on from its prompt's end, wherever it lies in the row."""
    batch = collate([([5, 6, 7], ([8, 9], [10, 1]))])
    np.testing.assert_array_equal(batch.position_ids[0], [0, 1, 2, 3, 4, 3, 4])
    np.testing.assert_array_equal(batch.predict_at, [2, 3, 2, 5])
    np.testing.assert_array_equal(batch.last_at, [4, 6])


def test_cross_entropy_is_torchs_and_is_taken_back_once():
    """Value and gradient are torch's; a second backward pass, for which nothing is left, is refused."""
    logits = torch.randn(7, 11, dtype=torch.float64, requires_grad=True)
    targets, grad = torch.arange(7), torch.linspace(-2, 3, 7, dtype=torch.float64)
    found = _CrossEntropy.apply(logits, targets)
    wanted = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(found, wanted, rtol=1e-14, atol=1e-14)
    kept = torch.autograd.grad(wanted, logits, grad)
    torch.testing.assert_close(torch.autograd.grad(found, logits, grad, retain_graph=True), kept)
    with pytest.raises(RuntimeError, match="inplace operation"):
        torch.autograd.grad(found, logits, grad)
