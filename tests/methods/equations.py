"""Every loss of one pair, written from its equation in mpmath at 60 digits: what the methods' tensors are held to.

Nothing of the package is used here, its defaults included. The symbols are those of docs/methods.md; a point is a
mapping of them: `z_w`, `z_l`, `ref_w`, `ref_l` (sums, nats), `n_w`, `n_l`, `dr_i` and `std_i` of oracle i, `head_w` and
`head_l`, and `y_s`, `ref_y_s` of the reference's own response s.
"""

from __future__ import annotations

import mpmath

MP = mpmath.mp.clone()
MP.dps = 60
STEP = MP.mpf(10) ** -18
"""Of the central differences: their error is of the order of its square."""
SAMPLES = 3

DEFAULTS = {
    "sft": {"log_prob": "mean"},
    "dpo": {"beta": 0.1, "label_smoothing": 0.0, "robust": False},
    "ipo": {"tau": 0.1, "log_prob": "sum"},
    "d-dpo": {"beta": 0.1, "reward_scale": "none"},
    "rebel": {"eta": 1.0, "reward_scale": "none"},
    "hinge": {"beta": 0.1, "reference": True, "sft_weight": 0.0},
    "simpo": {"beta": 2.0, "gamma": 1.0},
    "cpo": {"beta": 0.1, "sft_weight": 1.0, "log_prob": "mean"},
    "orpo": {"odds_weight": 0.1},
    "kto": {"beta": 0.1, "desirable_weight": 1.0, "undesirable_weight": 1.0, "reference_point": "mismatched"},
    "e-dpo": {
        "beta": 0.1,
        "members": 3,
        "ensemble_min": "dataset",
        "gamma": 0.0,
        "reward_scale": "none",
        "kl_samples": 0,
    },
    "drdo": {
        "alpha": 0.1,
        "gamma": 2.0,
        "reward": "implicit",
        "beta": 0.1,
        "reference": True,
        "log_prob": "sum",
        "unlikelihood": "lower",
        "detach_gate": False,
        "reward_scale": "none",
        "distillation": True,
        "contrast": True,
    },
}
PESSIMISM = {"gamma": 1e-2, "gamma_start": 1e-4, "kl_samples": 0}
DEFAULTS |= {name: {"beta": 0.1, "eta": 1.0, "reward_scale": "none"} for name in ("rpo-sq", "rpo-bwd-kl", "rpo-fwd-kl")}
DEFAULTS |= {"p-dpo": {**DEFAULTS["dpo"], **PESSIMISM}, "pd-dpo": {**DEFAULTS["d-dpo"], **PESSIMISM}}


def surprise(x):
    """Return -log sigmoid(x)."""
    return MP.log1p(MP.exp(-x))


def sigmoid(x):
    return 1 / (1 + MP.exp(-x))


def log_one_less(z):
    """Return log(1 - exp z)."""
    return MP.log1p(-MP.exp(z))


def per(kind, z, n):
    """Return z, or z / n for `mean`."""
    return z / n if kind == "mean" else z


def margin(x, kind="sum"):
    """Return h = rho_w - rho_l."""
    return per(kind, x["z_w"] - x["ref_w"], x["n_w"]) - per(kind, x["z_l"] - x["ref_l"], x["n_l"])


def oracle(o, x, member=0):
    """Return dr of one oracle, in its units or in standard deviations of the training split."""
    dr, std = x[f"dr_{member}"], x[f"std_{member}"]
    return dr / std if o["reward_scale"] == "std" and std > 0 else dr


def coins(a, b):
    """Return KL of a coin that falls heads with probability sigmoid(a) from one with sigmoid(b)."""
    heads, tails = sigmoid(a), sigmoid(-a)
    return heads * (surprise(b) - surprise(a)) + tails * (surprise(-b) - surprise(-a))


def divergence(o, x):
    """Return the estimate of KL(ref || pi): the mean of zref - z over the samples, or over both logged responses."""
    if o["kl_samples"]:
        return sum(x[f"ref_y_{s}"] - x[f"y_{s}"] for s in range(SAMPLES)) / SAMPLES
    return (x["ref_w"] - x["z_w"] + x["ref_l"] - x["z_l"]) / 2


def sft(o, x, _, __):
    return -per(o["log_prob"], x["z_w"], x["n_w"])


def dpo(o, x, _, __):
    """Chowdhury et al. where it is robust, Mitchell's cDPO where it is not."""
    e, reward = MP.mpf(o["label_smoothing"]), o["beta"] * margin(x)
    right, wrong = surprise(reward), surprise(-reward)
    return ((1 - e) * right - e * wrong) / (1 - 2 * e) if o["robust"] else (1 - e) * right + e * wrong


def ipo(o, x, _, __):
    return (margin(x, o["log_prob"]) - 1 / (2 * MP.mpf(o["tau"]))) ** 2


def d_dpo(o, x, _, __):
    return (oracle(o, x) - o["beta"] * margin(x)) ** 2


def rebel(o, x, _, __):
    return (margin(x) / MP.mpf(o["eta"]) - oracle(o, x)) ** 2


def rpo_sq(o, x, _, __):
    return (o["eta"] * oracle(o, x) - o["beta"] * margin(x)) ** 2


def rpo_bwd_kl(o, x, _, __):
    return coins(o["eta"] * oracle(o, x), o["beta"] * margin(x))


def rpo_fwd_kl(o, x, _, __):
    return coins(o["beta"] * margin(x), o["eta"] * oracle(o, x))


def hinge(o, x, _, __):
    gap = margin(x) if o["reference"] else x["z_w"] - x["z_l"]
    return max(MP.zero, 1 - o["beta"] * gap) - o["sft_weight"] * x["z_w"] / x["n_w"]


def simpo(o, x, _, __):
    return surprise(o["beta"] * (x["z_w"] / x["n_w"] - x["z_l"] / x["n_l"]) - o["gamma"])


def cpo(o, x, _, __):
    return surprise(o["beta"] * (x["z_w"] - x["z_l"])) - o["sft_weight"] * per(o["log_prob"], x["z_w"], x["n_w"])


def orpo(o, x, _, __):
    won, lost = x["z_w"] / x["n_w"], x["z_l"] / x["n_l"]
    odds = (won - log_one_less(won)) - (lost - log_one_less(lost))
    return -won + o["odds_weight"] * surprise(odds)


def kto(o, x, _, stats):
    z0 = max(MP.zero, MP.mpf(stats["mismatched"])) if o["reference_point"] == "mismatched" else 0
    gain = 1 - sigmoid(o["beta"] * (x["z_w"] - x["ref_w"] - z0))
    loss = 1 - sigmoid(o["beta"] * (z0 - (x["z_l"] - x["ref_l"])))
    return (o["desirable_weight"] * gain + o["undesirable_weight"] * loss) / 2


def weight(o, stats):
    """Return gamma at this share of the training."""
    last = MP.mpf(o["gamma"])
    first = last if o["gamma_start"] is None else MP.mpf(o["gamma_start"])
    return first * (1 - MP.mpf(stats["progress"])) + last * MP.mpf(stats["progress"])


def p_dpo(o, x, held, stats):
    return dpo(o, x, held, stats) + weight(o, stats) * divergence(o, x)


def pd_dpo(o, x, held, stats):
    return d_dpo(o, x, held, stats) + weight(o, stats) * divergence(o, x)


def member_losses(o, x):
    """Return (dr_i - beta h)^2 of every member."""
    return [(oracle(o, x, i) - o["beta"] * margin(x)) ** 2 for i in range(o["members"])]


def e_dpo(o, x, held, stats):
    """The member is the best for this pair, or the one that `stats` finds the best; unknown, all alike."""
    losses, known = member_losses(o, x), stats["members"][: o["members"]]
    rank = member_losses(o, held) if o["ensemble_min"] == "example" else known
    taken = losses[rank.index(min(rank))] if rank else sum(losses) / len(losses)
    return taken + o["gamma"] * divergence(o, x)


def drdo(o, x, held, _):
    """Eq. 6; its fraction by the letter or by the text's sense. A detached gate is that of the point `held`."""
    total = MP.zero
    if o["distillation"]:
        implicit = o["beta"] * (margin(x) if o["reference"] else x["z_w"] - x["z_l"])
        own = implicit if o["reward"] == "implicit" else x["head_w"] - x["head_l"]
        total += (oracle(o, x) - own) ** 2
    if o["contrast"]:
        won, lost = (per(o["log_prob"], x[f"z_{side}"], x[f"n_{side}"]) for side in "wl")
        at = held if o["detach_gate"] else x
        gap = per(o["log_prob"], at["z_w"], at["n_w"]) - per(o["log_prob"], at["z_l"], at["n_l"])
        sign = -1 if o["unlikelihood"] == "printed" else 1
        total -= o["alpha"] * sigmoid(-gap) ** o["gamma"] * (won + sign * log_one_less(lost))
    return total


def loss(name, options, x, stats, held=None):
    """Return a method's loss at a point; what no gradient flows through is computed at `held`."""
    o = {**DEFAULTS[name], **options}
    return globals()[name.replace("-", "_")](o, x, held or x, stats)


def slope(function, x, by):
    """Return the derivative of a function of points by one symbol, as a central difference."""
    up, down = ({**x, by: x[by] + sign * STEP} for sign in (1, -1))
    return (function(up) - function(down)) / (2 * STEP)
