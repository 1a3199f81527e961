"""The engine against the plain padded computation: log-probabilities, rewards, losses, gradients, every architecture.

float64 agrees to 1e-9, float32 to 1e-6, both relative. What makes the engine fast stands behind one test each.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))

import plain  # noqa: E402
from plain import PAIRS, SHAPES  # noqa: E402

from drdoctl.methods import PairNumbers, methods  # noqa: E402
from drdoctl.train import forward, products  # noqa: E402
from drdoctl.train.batches import collate  # noqa: E402
from drdoctl.train.forward import Outputs  # noqa: E402
from drdoctl.train.losses import nll, oracle_loss  # noqa: E402

METHODS = {
    "dpo": {"name": "dpo", "beta": 0.3},
    "ipo": {"name": "ipo", "tau": 0.2},
    "drdo": {"name": "drdo", "alpha": 0.4, "gamma": 2},
    "drdo-head": {"name": "drdo", "alpha": 0.4, "gamma": 2, "reward": "head", "log_prob": "mean"},
}
REFERENCE = torch.tensor([[-9.0, -7.5], [-13.0, -8.0], [-3.0, -41.0], [-6.5, -9.5]], dtype=torch.float64)
REWARDS = torch.tensor([[0.7], [-0.4], [1.3], [0.1]])
EXACT, SINGLE = 1e-9, 1e-6


def tree_outputs(model, items=PAIRS):
    return model(collate(items))


def padded_outputs(model, items=PAIRS):
    logp, reward = plain.forward(model, items)
    tokens = torch.tensor([float(len(response)) for _, responses in items for response in responses])
    return Outputs(logp, tokens, reward)


def preference(name, outputs):
    method = methods()[METHODS[name]["name"]].model_validate(METHODS[name])
    numbers = PairNumbers(
        chosen_logp=outputs.logp[0::2],
        rejected_logp=outputs.logp[1::2],
        chosen_tokens=outputs.tokens[0::2],
        rejected_tokens=outputs.tokens[1::2],
        oracle_margin=REWARDS,
        ref_chosen_logp=REFERENCE[:, 0],
        ref_rejected_logp=REFERENCE[:, 1],
        chosen_reward=outputs.reward[0::2],
        rejected_reward=outputs.reward[1::2],
    )
    return method.loss(numbers).losses


@pytest.fixture(scope="module", params=sorted(SHAPES))
def doubles(request):
    """Both sides of one architecture in float64."""
    ours = plain.policy(plain.fields(request.param), double=True)
    return ours, plain.stock(ours)


@pytest.fixture(scope="module")
def model():
    """A Llama with grouped heads in float64."""
    return plain.policy(plain.fields("llama-grouped"), double=True)


def test_rows_in_float64(doubles):
    """Each row's log-probability and reward are those of the padded computation to 1e-9."""
    ours, theirs = tree_outputs(doubles[0]), padded_outputs(doubles[1])
    torch.testing.assert_close(ours.logp, theirs.logp, rtol=EXACT, atol=0)
    torch.testing.assert_close(ours.reward, theirs.reward, rtol=EXACT, atol=1e-12)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_losses_and_gradients_in_float64(doubles, name):
    """Each pair's loss, and its gradient by every weight of model and head, are the padded computation's to 1e-9."""
    ours, theirs = (preference(name, tree_outputs(doubles[0])), preference(name, padded_outputs(doubles[1])))
    torch.testing.assert_close(ours, theirs, rtol=EXACT, atol=1e-12)
    assert plain.distance(plain.gradients(doubles[0], ours.sum()), plain.gradients(doubles[1], theirs.sum())) < EXACT


@pytest.mark.parametrize("openblas", [False, True], ids=["torch", "openblas"])
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_everything_in_float32(shape, openblas, monkeypatch):
    """With the stock norms in float32, log-probabilities, rewards, losses and gradients agree to 1e-6.

    So they do with the products that numpy's OpenBLAS makes, of however few rows.
    """
    model = plain.policy(plain.fields(shape))
    reference = plain.stock(model)
    monkeypatch.setattr(products, "by_openblas", lambda: openblas)
    for least in ("ROWS", "LEAST"):
        monkeypatch.setattr(products, least, 1)
    ours, theirs = tree_outputs(model), padded_outputs(reference)
    torch.testing.assert_close(ours.logp, theirs.logp, rtol=SINGLE, atol=0)
    torch.testing.assert_close(ours.reward, theirs.reward, rtol=SINGLE, atol=SINGLE)
    losses = preference("dpo", ours), preference("dpo", theirs)
    torch.testing.assert_close(*losses, rtol=SINGLE, atol=SINGLE)
    both = [plain.gradients(m, loss.sum()) for m, loss in zip((model, reference), losses, strict=True)]
    assert plain.distance(*both) < SINGLE


def test_dpo_begins_at_ln_2(doubles):
    """Where the reference is the policy itself, every pair's DPO loss is ln 2."""
    outputs = tree_outputs(doubles[0])
    cached = padded_outputs(doubles[1]).logp.detach()
    numbers = PairNumbers(
        outputs.logp[0::2],
        outputs.logp[1::2],
        outputs.tokens[0::2],
        outputs.tokens[1::2],
        ref_chosen_logp=cached[0::2],
        ref_rejected_logp=cached[1::2],
    )
    losses = methods()["dpo"].model_validate({"name": "dpo"}).loss(numbers).losses
    torch.testing.assert_close(losses, torch.full_like(losses, 2.0).log(), rtol=1e-9, atol=0)


def test_demonstrations(doubles):
    """SFT's rows, one response to a prompt, have the padded computation's loss and gradients."""
    items = [(prompt, responses[:1]) for prompt, responses in PAIRS]
    losses = [
        nll(outputs.logp, outputs.tokens).losses
        for outputs in (tree_outputs(doubles[0], items), padded_outputs(doubles[1], items))
    ]
    torch.testing.assert_close(*losses, rtol=EXACT, atol=0)
    both = [plain.gradients(m, loss.sum()) for m, loss in zip(doubles, losses, strict=True)]
    assert plain.distance(*both) < EXACT


def test_oracle(doubles):
    """The oracle's loss, ranking and imitation together, has the padded computation's value and gradients."""
    losses = [
        oracle_loss(o.reward[0::2], o.reward[1::2], o.logp[0::2], o.tokens[0::2], 0.3).losses
        for o in (tree_outputs(doubles[0]), padded_outputs(doubles[1]))
    ]
    torch.testing.assert_close(*losses, rtol=EXACT, atol=0)
    both = [plain.gradients(m, loss.sum()) for m, loss in zip(doubles, losses, strict=True)]
    assert plain.distance(*both) < EXACT


def test_many_bins_equal_one(doubles):
    """A batch computed pair by pair adds up to the batch computed in one row."""
    model = doubles[0]
    whole = preference("drdo-head", tree_outputs(model))
    want = plain.gradients(model, whole.sum())
    outputs = [tree_outputs(model, [item]) for item in reversed(PAIRS)]
    order = outputs[::-1]
    joined = Outputs(*(torch.cat([getattr(o, name) for o in order]) for name in ("logp", "tokens", "reward")))
    losses = preference("drdo-head", joined)
    torch.testing.assert_close(losses, whole, rtol=EXACT, atol=1e-12)
    assert plain.distance(plain.gradients(model, losses.sum()), want) < EXACT


def test_sharing_a_prompt_changes_nothing(doubles):
    """A prompt computed once for both responses gives what each response gives with the prompt to itself."""
    model = doubles[0]
    apart = [(prompt, (response,)) for prompt, responses in PAIRS for response in responses]
    losses = [preference("drdo-head", tree_outputs(model, items)) for items in (PAIRS, apart)]
    torch.testing.assert_close(*losses, rtol=EXACT, atol=1e-12)
    assert plain.distance(*(plain.gradients(model, loss.sum()) for loss in losses)) < EXACT


def test_many_responses_to_one_prompt(doubles):
    """Four responses to one prompt, beside another tree in the row, are computed as if each stood alone."""
    items = [(PAIRS[3][0], ([5, 1], [6, 7, 8, 1], [1], [9, 10, 1])), PAIRS[0]]
    ours, theirs = tree_outputs(doubles[0], items), padded_outputs(doubles[1], items)
    torch.testing.assert_close(ours.logp, theirs.logp, rtol=EXACT, atol=0)
    torch.testing.assert_close(ours.reward, theirs.reward, rtol=EXACT, atol=1e-12)


@pytest.mark.parametrize("kept", [0, 2, 100])
def test_chunks_of_the_head(model, monkeypatch, kept):
    """The LM head in chunks, made again but for the last ones, gives the values and gradients of one piece."""
    whole = preference("dpo", tree_outputs(model))
    want = plain.gradients(model, whole.sum())
    monkeypatch.setattr(forward, "LOGITS_AT_ONCE", 3 * plain.VOCABULARY)
    monkeypatch.setattr(forward, "LOGITS_KEPT", kept * 3 * plain.VOCABULARY)
    calls = []
    model.lm.get_output_embeddings().register_forward_pre_hook(lambda *_: calls.append(1))
    chunked = preference("dpo", tree_outputs(model))
    pieces = len(calls)
    torch.testing.assert_close(chunked, whole, rtol=EXACT, atol=1e-12)
    assert plain.distance(plain.gradients(model, chunked.sum()), want) < EXACT
    assert pieces > 2
    assert len(calls) - pieces == pieces - min(pieces, max(1, kept))


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_gradient_checkpointing_is_bitwise(shape):
    """Recomputing activations in the backward pass changes no bit of losses and gradients."""
    model = plain.policy(plain.fields(shape))
    model.train()
    plainly = preference("drdo-head", tree_outputs(model))
    want = plain.gradients(model, plainly.sum())
    model.lm.gradient_checkpointing_enable({"use_reentrant": False})
    layers = next(part for part in model.modules() if isinstance(part, torch.nn.ModuleList))
    linear = next(part for part in layers[0].modules() if isinstance(part, torch.nn.Linear))
    calls = []
    linear.register_forward_pre_hook(lambda *_: calls.append(1))
    again = preference("drdo-head", tree_outputs(model))
    assert torch.equal(again, plainly)
    got = plain.gradients(model, again.sum())
    assert len(calls) == 2
    assert got.keys() == want.keys()
    assert all(torch.equal(got[name], want[name]) for name in want)
