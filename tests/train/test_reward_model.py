"""Finished reward models: what is refused before anything is scored."""

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from drdoctl.core.errors import UserError  # noqa: E402
from drdoctl.train.models import Policy, new_head, new_lm, save_oracle, save_policy  # noqa: E402
from drdoctl.train.reward_model import load_reward_model  # noqa: E402

FIELDS = {"model_type": "llama", "hidden_size": 32, "layers": 2, "heads": 4, "mlp_size": None, "activation": "gelu"}
FIELDS |= {"max_positions": 64, "rope_theta": 1000.0, "init_std": 0.2, "tied": True}
SPECIAL = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}


def make() -> Policy:
    lm = new_lm(FIELDS, 0, 40, SPECIAL)
    return Policy(lm, new_head(lm.config, 5))


def test_oracle_with_nan_is_refused(tmp_path, data):
    """Weights that are not finite are found before anything is scored."""
    save_oracle(make(), tmp_path, data / "tokenizer" / "student")
    weights = load_file(tmp_path / "model.safetensors")
    weights["score.weight"][0, 0] = float("nan")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"not finite: `score\.weight`"):
        load_reward_model(tmp_path)


def test_causal_lm_is_no_oracle(tmp_path, data):
    """A folder without a one-label head is refused as a reward model."""
    save_policy(make(), tmp_path, data / "tokenizer" / "student")
    with pytest.raises(UserError, match="not a reward model"):
        load_reward_model(tmp_path)
