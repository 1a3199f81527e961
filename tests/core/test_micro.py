"""What is computed at once where the spec does not say."""

from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.micro import MICRO_TOKENS, WIDE, WIDE_TOKENS, micro_tokens

counts = st.integers(1, 10_000)


@given(counts, counts)
def test_a_large_model_takes_fewer_tokens_on_a_cpu_alone(layers, hidden):
    """A GPU takes its number whatever the model, a CPU fewer from a size on."""
    assert micro_tokens("cuda", layers, hidden) == MICRO_TOKENS["cuda"]
    large = layers * hidden >= WIDE
    assert micro_tokens("cpu", layers, hidden) == (WIDE_TOKENS if large else MICRO_TOKENS["cpu"])


def test_known_models_lie_where_they_should():
    """The small models of the recipes keep 2,048 tokens; SmolLM2-135M, thirty layers of 576, is large."""
    assert micro_tokens("cpu", 4, 256) == 2048
    assert micro_tokens("cpu", 30, 576) == 768
