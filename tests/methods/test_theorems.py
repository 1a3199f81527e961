"""What the papers claim of a policy that is a softmax over a small space of responses, through the real losses.

Where a claim does not hold as it is worded, the test holds what does; docs/methods.md says why.
"""

from __future__ import annotations

import itertools

import pytest
import torch

from drdoctl.methods import PairNumbers

BETA = 0.5
REFERENCE = torch.log_softmax(torch.tensor([1.0, 0.0, -1.0, 0.5, 2.0], dtype=torch.float64), dim=0)
REWARD = torch.tensor([0.3, -0.2, 0.5, 0.0, -0.4], dtype=torch.float64)
ONE, OTHER = (list(side) for side in zip(*itertools.combinations(range(5), 2), strict=True))
"""All pairs of the space, their labels as chance has them."""
THREE = torch.tensor([0.25, 0.25, 0.5], dtype=torch.float64).log()
"""A reference over a winner, a loser, and all that no pair shows."""
DRAWN = [0, 1, 2, 2]
"""Responses that stand for it exactly."""


def numbers(logp, reference, winners, losers, dr=None, samples=None, stats=None):
    """Return the pairs of a policy's table of log-probabilities; `dr`: one column for each oracle."""
    one = torch.ones(len(winners), dtype=torch.float64)
    drawn = {}
    if samples is not None:
        names = {"sample_logp": logp, "ref_sample_logp": reference}
        drawn = {name: table[samples].expand(len(winners), -1) for name, table in names.items()}
    return PairNumbers(
        logp[winners],
        logp[losers],
        one,
        one,
        oracle_margin=dr,
        ref_chosen_logp=reference[winners],
        ref_rejected_logp=reference[losers],
        stats=stats or {},
        **drawn,
    )


def margins(*rewards):
    """Return the exact margins of all pairs, shape (pairs, oracles)."""
    return torch.stack([reward[ONE] - reward[OTHER] for reward in rewards], dim=1)


def optimum(method, reference, *others, **more):
    """Return the log-probabilities at the minimum, from the reference on, each response with a logit of its own."""
    logits = reference.clone().requires_grad_()
    found = torch.optim.LBFGS(
        [logits], max_iter=500, tolerance_grad=1e-13, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def closure():
        found.zero_grad()
        loss = method.loss(numbers(torch.log_softmax(logits, dim=0), reference, *others, **more)).losses.mean()
        loss.backward()
        return loss

    found.step(closure)
    return torch.log_softmax(logits.detach(), dim=0)


def descend(method, reference, winners, losers, dr, steps, rate):
    """Return the log-probabilities after plain descent, with what the method remembers between the steps."""
    logits, stats = reference.clone().requires_grad_(), {}
    for _ in range(steps):
        out = method.loss(numbers(torch.log_softmax(logits, dim=0), reference, winners, losers, dr, stats=stats))
        (slope,) = torch.autograd.grad(out.losses.mean(), logits)
        logits = (logits - rate * slope).detach().requires_grad_()
        stats = method.follow(stats, {name: values.mean().item() for name, values in out.metrics.items()})
    return torch.log_softmax(logits.detach(), dim=0)


def tilted(reward):
    """Return the RLHF policy's log-probabilities, log of ref(y) exp(r(y)/beta) / Z."""
    return torch.log_softmax(REFERENCE + reward / BETA, dim=0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("d-dpo", {"beta": BETA}),
        ("rebel", {"eta": 1 / BETA}),
        ("rpo-sq", {"beta": BETA}),
        ("rpo-bwd-kl", {"beta": BETA}),
        ("rpo-fwd-kl", {"beta": BETA}),
        ("drdo", {"beta": BETA, "contrast": False}),
        *(("e-dpo", {"beta": BETA, "ensemble_min": least}) for least in ("example", "batch", "dataset")),
    ],
)
def test_on_full_support_distillation_ends_at_the_rlhf_policy(make_method, name, options):
    """With all pairs and exact rewards the minimum is ref(y) exp(r(y)/beta) / Z, whatever the labels say."""
    method = make_method(name, **options)
    found = optimum(method, REFERENCE, ONE, OTHER, dr=margins(*[REWARD] * max(1, method.oracle_members)))
    torch.testing.assert_close(found.exp(), tilted(REWARD).exp(), rtol=0, atol=1e-6)


def emptied(step):
    """Return a policy on the way to one that gives neither the winner nor the loser anything."""
    winner, loser = 10.0**-step, 1000.0**-step
    return torch.tensor([winner, loser, 1 - winner - loser], dtype=torch.float64).log()


def test_dpo_does_not_mind_an_empty_winner(make_method):
    """DPO's loss goes to 0 along policies that empty the winner, as long as they empty the loser faster."""
    losses = [make_method("dpo", beta=1.0).loss(numbers(emptied(step), THREE, [0], [1])).losses for step in range(1, 7)]
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))
    assert losses[-1] < 1e-11


@pytest.mark.parametrize(("name", "options"), [("p-dpo", {}), ("p-dpo", {"kl_samples": 4}), ("pd-dpo", {})])
def test_pessimism_minds(make_method, name, options):
    """With gamma KL(ref || pi) the same policies cost without bound."""
    method = make_method(name, beta=1.0, gamma=1.0, gamma_start=None, **options)
    dr = torch.ones(1, 1, dtype=torch.float64)
    pairs = [numbers(emptied(step), THREE, [0], [1], dr, DRAWN) for step in (2, 4, 8)]
    losses = [method.loss(each).losses.item() for each in pairs]
    assert losses[1] > losses[0] + 4
    assert losses[2] > losses[1] + 8


def test_with_a_logit_each_dpo_raises_the_winner(make_method):
    """Descent alone does not empty a winner whose logit no other response shares: it takes shared features for that."""
    found = descend(make_method("dpo", beta=1.0), THREE, [0], [1], None, steps=300, rate=1.0)
    assert found[0] > THREE[0] + 0.2
    assert found[1] < THREE[1] - 2


@pytest.mark.parametrize("gamma", [0.1, 1.0])
def test_near_samples_of_the_reference_the_unseen_keeps_its_mass(make_method, gamma):
    """p-DPO's minimum has pi(u) = ref(u) exactly; the winner gains beta sigmoid(-beta h) / gamma, the loser's loss."""
    method = make_method("p-dpo", beta=BETA, gamma=gamma, gamma_start=None, kl_samples=4)
    found = optimum(method, THREE, [0], [1], samples=DRAWN)
    moved = BETA * torch.sigmoid(-BETA * (found[0] - found[1])).item() / gamma
    assert found.exp().tolist() == pytest.approx([0.25 + moved, 0.25 - moved, 0.5], abs=1e-6)


def test_near_the_logged_responses_the_unseen_loses_its_mass(make_method):
    """On the logged responses the same term is imitation of both: all mass ends on them, none on what no pair shows."""
    method = make_method("p-dpo", beta=BETA, gamma=0.1, gamma_start=None)
    found = descend(method, THREE, [0], [1], None, steps=400, rate=20.0).exp()
    assert found[2] < 0.01
    assert found[0] > found[1] > 0.01


def test_distillation_near_the_reference_is_as_modest(make_method):
    """pd-DPO moves mass between the two responses of a pair alone, and less than the reward asks for."""
    method = make_method("pd-dpo", beta=BETA, gamma=0.5, gamma_start=None, kl_samples=4)
    found = optimum(method, THREE, [0], [1], dr=torch.ones(1, 1, dtype=torch.float64), samples=DRAWN)
    assert found[2].exp().item() == pytest.approx(0.5, abs=1e-6)
    assert 0 < (found[0] - found[1]).item() < 1 / BETA


NEAR_TIE = 0.05


def crowd(method, policies=20, steps=300, rate=0.02):
    """Train policies with shared features on near ties; return the means of the winners' and losers' gains, in nats.

    Each has 12 responses of 4 random features, and 3 pairs whose true margin is 0.05, all labelled with the better.
    """
    stream = torch.Generator().manual_seed(0)
    features = torch.randn(policies, 12, 4, generator=stream, dtype=torch.float64)
    reference = torch.log_softmax(torch.randn(policies, 12, generator=stream, dtype=torch.float64), dim=1)
    weights = torch.zeros(policies, 4, dtype=torch.float64, requires_grad=True)
    dr = torch.full((3 * policies, 1), NEAR_TIE, dtype=torch.float64)
    one = torch.ones(3 * policies, dtype=torch.float64)
    winners, losers = (reference[:, at].flatten() for at in (slice(0, 3), slice(3, 6)))
    for _ in range(steps):
        logp = torch.log_softmax(reference + (features @ weights[:, :, None])[:, :, 0], dim=1)
        z_w, z_l = logp[:, :3].flatten(), logp[:, 3:6].flatten()
        loss = method.loss(PairNumbers(z_w, z_l, one, one, dr, winners, losers)).losses.sum()
        (slope,) = torch.autograd.grad(loss, weights)
        weights = (weights - rate * slope).detach().requires_grad_()
    return (z_w - winners).mean().item(), (z_l - losers).mean().item()


@pytest.mark.parametrize(("name", "options"), [("dpo", {"beta": 1.0}), ("ipo", {})])
def test_near_ties_cost_the_winners_their_mass(make_method, name, options):
    """Where features are shared, a sure preference for near ties drives the losers down, and the winners with them."""
    winners, losers = crowd(make_method(name, **options))
    assert winners < -0.2
    assert losers < winners - 3


@pytest.mark.parametrize("options", [{"beta": 1.0}, {"distillation": False}, {"beta": 1.0, "alpha": 1.0}])
def test_drdo_keeps_the_winners_of_near_ties(make_method, options):
    """There DRDO raises the winners: the oracle's small margin holds the pairs together, the contrast is imitation."""
    winners, losers = crowd(make_method("drdo", **options))
    assert winners > 0.05
    assert winners > losers


def test_without_a_reference_drdo_levels_what_the_model_knew(make_method):
    """The claim needs the reference: without one, a small margin asks for equal probabilities, at the winners' cost."""
    winners, _ = crowd(make_method("drdo", beta=1.0, reference=False))
    assert winners < -0.05


def worst_case(logp, rewards):
    """Return a policy's least advantage over the members: E_pi[r] - E_ref[r] - beta KL(pi || ref)."""
    shift = logp.exp() - REFERENCE.exp()
    divergence = (logp.exp() * (logp - REFERENCE)).sum()
    return min((shift @ reward - BETA * divergence).item() for reward in rewards)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_e_dpo_follows_the_member_that_promises_least(make_method, order):
    """Of a sober and an overrating member, the policy becomes the sober one's, whose worst case is the best.

    It is also the one nearest to the reference by KL(ref || pi), as the theory has it for the pessimistic policy.
    """
    members = [(REWARD, 4 * REWARD)[place] for place in order]
    method = make_method("e-dpo", beta=BETA, members=2)
    found = descend(method, REFERENCE, ONE, OTHER, margins(*members), steps=600, rate=2.0)
    torch.testing.assert_close(found.exp(), tilted(REWARD).exp(), rtol=0, atol=1e-3)
    sober, wild = tilted(REWARD), tilted(4 * REWARD)
    assert worst_case(sober, members) > worst_case(wild, members)
    distances = [(REFERENCE.exp() * (REFERENCE - policy)).sum() for policy in (sober, wild)]
    assert distances[0] < distances[1]


def test_e_dpo_is_no_compromise(make_method):
    """Of two members that contradict each other it follows one, though the reference itself has the better worst case.

    The theory's minimum is over mixtures of the members, the method's over the members alone.
    """
    members = [REWARD, -REWARD]
    found = descend(make_method("e-dpo", beta=BETA, members=2), REFERENCE, ONE, OTHER, margins(*members), 600, 2.0)
    torch.testing.assert_close(found.exp(), tilted(REWARD).exp(), rtol=0, atol=1e-3)
    assert worst_case(found, members) < -0.05 < worst_case(REFERENCE, members) == 0
