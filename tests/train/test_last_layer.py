"""The last layer's queries and MLP run where its state is read, and nowhere else; the values are the same."""

import pytest

torch = pytest.importorskip("torch")

from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from drdoctl.core.architectures import SUPPORTED  # noqa: E402
from drdoctl.train.attention import NAME  # noqa: E402
from drdoctl.train.bloom import use_interface  # noqa: E402
from drdoctl.train.kernels import HALVES  # noqa: E402
from drdoctl.train.last_layer import KINDS, read_only_where_asked  # noqa: E402

TREES = ((3, (2, 2)),)
IDS = torch.tensor([[3, 4, 5, 6, 7, 8, 9]])
READS = torch.tensor([2, 3, 6])


def small(model_type: str, **more):
    fields = {"vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "pad_token_id": 0}
    wide = {"ffn_dim": 48, "word_embed_proj_dim": 32} if model_type == "opt" else {"intermediate_size": 48}
    if model_type not in ("opt", "gpt_neox"):
        wide["num_key_value_heads"] = 1
    torch.manual_seed(0)
    made = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **fields, **wide, **more)).eval()
    if model_type == "bloom":
        use_interface(made)
    return made


def test_every_supported_type_is_known():
    """A model type that can be trained has its last layer described."""
    assert set(KINDS) == set(SUPPORTED)


@pytest.mark.parametrize(
    ("model_type", "more"),
    [
        *((name, {}) for name in SUPPORTED),
        ("opt", {"do_layer_norm_before": False}),
        ("gpt_neox", {"use_parallel_residual": False}),
        ("bloom", {"apply_residual_connection_post_layernorm": True}),
    ],
)
def test_states_are_the_same_and_the_mlp_sees_fewer(model_type, more):
    """Asked for three places, the model gives exactly their states; not asked, it is as before."""
    model = small(model_type, **more)
    with torch.no_grad():
        whole = model.base_model(IDS, use_cache=False).last_hidden_state
        read_only_where_asked(model)
        torch.testing.assert_close(model.base_model(IDS, use_cache=False).last_hidden_state, whole, rtol=0, atol=0)
        norms = [module for name, module in model.named_modules() if name.endswith("norm") or "layer_norm" in name]
        seen: list[int] = []
        for norm in norms:
            norm.register_forward_hook(lambda _module, given, _made: seen.append(given[0].numel() // 32))
        some = model.base_model(IDS, use_cache=False, reads=READS).last_hidden_state
    assert some.shape == (1, 3, 32)
    assert seen[-1] == len(READS)
    torch.testing.assert_close(some, whole[:, READS], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model_type", SUPPORTED)
@pytest.mark.parametrize(("reads", "ends"), [([2, 3, 4, 5, 6], ((3, 2),)), ([4, 6], ((1, 1),))])
def test_queries_only_where_read(model_type, reads, ends):
    """Told how many last tokens of each stretch are read, the last layer asks for no others; states are the same."""
    model = small(model_type)
    model.set_attn_implementation(NAME)
    rows: list[int] = []
    for name, module in model.named_modules():
        if name.endswith(("1.self_attn.q_proj", "1.self_attn.o_proj")):
            module.register_forward_hook(lambda _module, given, _made: rows.append(given[0].shape[1]))
    positions = torch.tensor([[0, 1, 2, 3, 4, 3, 4]])
    told = {"position_ids": positions, "use_cache": False, "trees": TREES}
    with torch.no_grad():
        whole = model.base_model(IDS, **told).last_hidden_state
        read_only_where_asked(model)
        rows.clear()
        some = model.base_model(IDS, **told, reads=torch.tensor(reads), ends=ends).last_hidden_state
    torch.testing.assert_close(some, whole[:, reads], rtol=1e-5, atol=1e-6)
    assert rows == ([len(reads)] * 2 if model_type in HALVES else [7] * len(rows))
