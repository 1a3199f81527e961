"""What the methods' equations are written in: each symbol once, told beside the equations in which it occurs."""

from __future__ import annotations

import re

SYMBOLS = {
    "z": "log pi(y|x), nats: the sum over the response's tokens, its end included",
    "n": "the response's tokens",
    "h": "rho_w - rho_l",
    "rho": "z - zref, the log-ratio to the reference",
    "dr": "r*(y_w) - r*(y_l), the oracle's margin",
    "dr_i": "the same of member i of the ensemble",
    "dr_hat": "the student's own margin, beta h by default",
    "p": "p_w = sigmoid(z_w - z_l)",
    "odds": "p / (1 - p) for p = exp(z / n)",
    "z0": "an estimate of KL(pi || ref) on the batch, at least 0",
    "NLL": "-z / n, or -z with `log_prob: sum`",
    "KL": "Kullback-Leibler divergence, nats; sigmoids stand for coins with that probability",
    "pi": "the student",
    "ref": "the reference: the model from which alignment starts",
    "_w, _l": "of the response that the label prefers, and of the other one",
}


def names(equation: str) -> set[str]:
    """Return the words of an equation, `z_w` and `z_l` as `z`."""
    return {re.sub(r"_[wl]$", "", word) for word in re.findall(r"[A-Za-z]\w*", equation)}


def legend(equation: str) -> dict[str, str]:
    """Return symbol -> meaning for those of the equation and those that explain them, in the order of `SYMBOLS`."""
    found = names(equation) | {"_w, _l"}
    for symbol, other in (("h", "rho"), ("rho", "z")):
        found |= {other} if symbol in found else set()
    return {symbol: meaning for symbol, meaning in SYMBOLS.items() if symbol in found}
