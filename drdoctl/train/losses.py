"""The losses of the stages that are no preference method: the oracle's (eq. 2 and 5) and plain imitation."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid

from drdoctl.core.numerics import share_above, widen
from drdoctl.methods import LossOut, sft


def nll(logp: Tensor, tokens: Tensor) -> LossOut:
    """Return -z / n, the negative log-likelihood of each response a token. Shapes: (N,); nats."""
    losses = sft.nll(logp, tokens)
    return LossOut(losses, {"nll": losses.detach(), "response_tokens": widen(tokens)})


def length_metrics(margin: Tensor, chosen_tokens: Tensor, rejected_tokens: Tensor) -> dict[str, Tensor]:
    """Return what tells whether an oracle's margins follow length, each (N,) and detached.

    `length_accuracy`: is the labelled winner the longer one. The averages give the correlation of margin and length.
    """
    length = widen(chosen_tokens - rejected_tokens)
    return {
        "chosen_tokens": widen(chosen_tokens),
        "rejected_tokens": widen(rejected_tokens),
        "length_accuracy": share_above(length),
        "length_diff": length,
        "length_diff_sq": length**2,
        "margin_x_length_diff": margin * length,
    }


def bradley_terry(chosen_reward: Tensor, rejected_reward: Tensor) -> Tensor:
    """Return -log sigmoid(r_w - r_l) (DRDO, arXiv 2410.08458, eq. 2). Shapes: (N,)."""
    return -logsigmoid(widen(chosen_reward) - widen(rejected_reward))


def oracle_loss(
    chosen_reward: Tensor,
    rejected_reward: Tensor,
    chosen_logp: Tensor | None,
    chosen_tokens: Tensor,
    sft_weight: float,
) -> LossOut:
    """Return (1 - a) * Bradley-Terry + a * NLL(y_w) with a = `sft_weight` (DRDO eq. 5). Shapes: (N,).

    The NLL is the mean over the response's tokens, so that its weight against the Bradley-Terry term does not grow with
    length; the sum would need another a for every corpus. With a = 0 it is eq. 2 alone and `chosen_logp` may be None.
    """
    ranking = bradley_terry(chosen_reward, rejected_reward)
    chosen, rejected = widen(chosen_reward).detach(), widen(rejected_reward).detach()
    margin = chosen - rejected
    metrics = {
        "bradley_terry": ranking.detach(),
        "accuracy": share_above(margin),
        "margin": margin,
        "margin_sq": margin**2,
        "chosen_reward": chosen,
        "rejected_reward": rejected,
        "reward": (chosen + rejected) / 2,
        "reward_sq": (chosen**2 + rejected**2) / 2,
    }
    if sft_weight == 0:
        return LossOut(ranking, metrics)
    if chosen_logp is None:
        raise ValueError("`sft_weight` above 0 needs the log-probabilities of the chosen responses")
    imitation = nll(chosen_logp, chosen_tokens).losses
    losses = (1 - sft_weight) * ranking + sft_weight * imitation.to(ranking.dtype)
    return LossOut(losses, {**metrics, "nll": imitation.detach()})
