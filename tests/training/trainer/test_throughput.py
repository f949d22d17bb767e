"""Floating-point operations and peaks."""

from typing import Any

import pytest

from clueplus.training.trainer.throughput import flops_per_token, peak_of


def _model(**fields: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = {"vocab_size": 50, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 3}
    return LlamaForCausalLM(LlamaConfig(**{**shape, "num_attention_heads": 2, "num_key_value_heads": 2, **fields}))


@pytest.mark.parametrize("tied", [True, False])
def test_operations_are_counted_by_hand(tied: bool) -> None:
    model = _model(tie_word_embeddings=tied)
    # Attention has four square matrices, the feed-forward part three; two norms a layer, one at the end; the head.
    weights = 3 * (4 * 8 * 8 + 3 * 8 * 12 + 2 * 8) + 8 + 50 * 8
    assert flops_per_token(model, 0, adapter=False) == 6 * weights
    assert flops_per_token(model, 0, adapter=True) == 4 * weights
    assert flops_per_token(model, 100, adapter=False) == 6 * weights + 12 * 3 * 8 * 100


def test_a_peak_is_known_or_there_is_a_reason() -> None:
    assert peak_of("cuda", "NVIDIA H100 80GB HBM3", "bfloat16") == (9.89e14, None)
    assert peak_of("cuda", "NVIDIA H100 PCIe", "bfloat16") == (7.56e14, None)
    assert peak_of("cuda", "NVIDIA A100-SXM4-80GB", "bfloat16") == (3.12e14, None)
    assert peak_of("cuda", "NVIDIA A10G", "bfloat16").flops is not None
    for device, name, dtype in (
        ("cpu", "", "bfloat16"),
        ("cuda", "NVIDIA H100", "float32"),
        ("cuda", "X1", "bfloat16"),
    ):
        flops, reason = peak_of(device, name, dtype)
        assert flops is None
        assert reason
